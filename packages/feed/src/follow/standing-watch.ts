import { type CompiledPolicy, LOCKED_MODE, type Moment, type Standing, standingOf } from "@dimmer/core";
import type { Ground, SharedProfile } from "./shared-profile.ts";
import type { Slicer } from "./slicer.ts";

/** Where a tenant stands, as it was told last. */
interface Told {
  readonly cases: readonly string[];
  readonly mode: string;
  /** All that the decisions depend on, as text: tells whether anything changed under one mode. */
  readonly mark: string;
  /** Unix milliseconds: the next instant at which it may change by time alone. */
  readonly untilMs: number;
}

/** A tenant's mode changed, or its rights did under the same mode. */
export interface ModeChange {
  readonly tenant: string;
  readonly from: string;
  readonly to: string;
}

/** What the watch looks at. */
export interface WatchView {
  ground(): Ground;
  moment(): Moment;
  /** The profile in the map: under a lock where there is one. */
  profileOf(tenant: string): SharedProfile | undefined;
}

const ENTRIES_PER_LOOK = 64;
/** Distinct marks kept as one string each; past it they begin anew. */
const MAX_MARKS = 4_096;
const SECOND_MS = 1_000;
const WINDOW_SECONDS = 60;

/**
 * Knows where each restricted tenant stands, and notices when that changes: by an update, by a lock, or by a signed step
 * whose time has come. Only tenants with a restriction are looked at, and only when the first of their instants is due.
 */
export class StandingWatch {
  /** Off while the first generation is applied: nobody knew anything before it. */
  isTelling = false;
  readonly #view: WatchView;
  readonly #told = new Map<string, Told>();
  readonly #marks = new Map<string, string>();
  #changes: ModeChange[] = [];
  #dueMs = Number.POSITIVE_INFINITY;
  /** Tenants narrowed, by second, in a ring of 60. */
  readonly #narrowed = Array.from({ length: WINDOW_SECONDS }, () => 0);
  #narrowedSecond = 0;

  constructor(view: WatchView) {
    this.#view = view;
  }

  /** Number of tenants with a restriction. */
  get size(): number {
    return this.#told.size;
  }

  /** The cases of a tenant's restrictions, in their order. */
  casesOf(tenant: string): readonly string[] {
    return this.#told.get(tenant)?.cases ?? [];
  }

  /** Whether an instant has come that `scan` was not yet called for. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs;
  }

  /** Tenants narrowed in the last 60 s by the monotonic clock. */
  narrowedPerMinute(monotonicMs: number): number {
    this.#turnRing(monotonicMs);
    return this.#narrowed.reduce((sum, count) => sum + count, 0);
  }

  /** The changes noticed since the last call. */
  takeChanges(): ModeChange[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  /** Notes that another profile, or none, has taken the place of a tenant's. */
  placed(
    tenant: string,
    before: SharedProfile | undefined,
    after: SharedProfile | undefined,
    cases: readonly string[],
  ): void {
    const isPlain = before?.isRestricted !== true && before?.subject.kind !== "locked";
    if (isPlain && after?.isRestricted !== true && after?.subject.kind !== "locked") return;
    const told = this.#told.get(tenant);
    const from = told?.mode ?? (before === undefined ? undefined : this.#plainMode(before));
    if (after?.isRestricted !== true) {
      this.#told.delete(tenant);
      // A tenant that is not in the feed stands as one in full does; one that was removed is no change of mode.
      if (after !== undefined) this.#note(tenant, from, this.#plainMode(after));
      else if (from === LOCKED_MODE) this.#note(tenant, from, this.#view.ground().policy.full.name);
      return;
    }
    const next = this.#look(after, cases);
    this.#told.set(tenant, next);
    if (next.untilMs < this.#dueMs) this.#dueMs = next.untilMs;
    if (told === undefined || told.mark !== next.mark) this.#note(tenant, from, next.mode);
  }

  /**
   * Looks at the restricted tenants whose time has come, in slices.
   *
   * @param isBreak looks at all of them: what was worked out before does not count
   */
  async scan(slicer: Slicer, isBreak: boolean): Promise<void> {
    // What becomes due while this runs is found by the next one.
    this.#dueMs = Number.POSITIVE_INFINITY;
    let dueMs = Number.POSITIVE_INFINITY;
    let count = 0;
    for (const [tenant, told] of this.#told) {
      if (++count % ENTRIES_PER_LOOK === 0 && slicer.isDue()) await slicer.pause();
      let untilMs = told.untilMs;
      if (isBreak || untilMs <= this.#view.moment().nowMs) untilMs = this.#lookAgain(tenant, told);
      if (untilMs < dueMs) dueMs = untilMs;
    }
    if (dueMs < this.#dueMs) this.#dueMs = dueMs;
  }

  #lookAgain(tenant: string, told: Told): number {
    const profile = this.#view.profileOf(tenant);
    if (profile === undefined || !this.#told.has(tenant)) return Number.POSITIVE_INFINITY;
    const next = this.#look(profile, told.cases);
    this.#told.set(tenant, next);
    if (next.mark !== told.mark) this.#note(tenant, told.mode, next.mode);
    return next.untilMs;
  }

  #look(shared: SharedProfile, cases: readonly string[]): Told {
    const standing = standingOf(shared.stateOn(this.#view.ground()), this.#view.moment());
    return { cases, mode: standing.mode, mark: this.#markOf(standing), untilMs: standing.untilMs };
  }

  #markOf({ mode, restrictions, state }: Standing): string {
    const rights = restrictions.map(
      (r) => `${r.cause} ${r.mode.name} ${r.rights.join()} ${[...r.deniedFeatures].sort().join()}`,
    );
    const text = [mode, state.lock?.allow.join() ?? "", ...rights].join("|");
    const known = this.#marks.get(text);
    if (known !== undefined) return known;
    if (this.#marks.size >= MAX_MARKS) this.#marks.clear();
    this.#marks.set(text, text);
    return text;
  }

  /** The mode of a tenant without restrictions, or locked. */
  #plainMode({ subject }: SharedProfile): string {
    return subject.kind === "locked" ? LOCKED_MODE : this.#view.ground().policy.full.name;
  }

  #note(tenant: string, from: string | undefined, to: string): void {
    if (!this.isTelling || from === undefined) return;
    this.#changes.push({ tenant, from, to });
    if (rankOf(to, this.#view.ground().policy) > rankOf(from, this.#view.ground().policy)) {
      const second = this.#narrowedSecond % WINDOW_SECONDS;
      this.#narrowed[second] = (this.#narrowed[second] ?? 0) + 1;
    }
  }

  /** Called with every tick, so that what is noted falls into the right second. */
  #turnRing(monotonicMs: number): void {
    const second = Math.floor(monotonicMs / SECOND_MS);
    const passed = Math.min(second - this.#narrowedSecond, WINDOW_SECONDS);
    for (let i = 1; i <= passed; i += 1) this.#narrowed[(this.#narrowedSecond + i) % WINDOW_SECONDS] = 0;
    this.#narrowedSecond = second;
  }

  /** Tells the watch what second it is. */
  tick(monotonicMs: number): void {
    this.#turnRing(monotonicMs);
  }
}

function rankOf(mode: string, policy: CompiledPolicy): number {
  return mode === LOCKED_MODE ? Number.POSITIVE_INFINITY : (policy.modes.get(mode)?.rank ?? 0);
}
