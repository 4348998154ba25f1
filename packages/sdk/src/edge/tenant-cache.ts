import { DimmerError, type Lock, type Moment } from "@dimmer/core";
import { ProfilePool, SharedProfile } from "@dimmer/feed/lean";
import { compareVersions, formatVersion, type Version } from "@dimmer/statement/lean";
import { LRUCache } from "lru-cache";
import type { FeedKeeper } from "./feed-keeper.ts";
import type { Learnt, TenantLoader } from "./tenant-loader.ts";

/** What is held about one tenant: what was learnt of it last, and when to ask again. */
export interface HeldTenant {
  readonly shared: SharedProfile;
  readonly cases: readonly string[];
  readonly version: Version;
  readonly knownAtMs: number;
  readonly expiresMs: number;
  /** Unix milliseconds from which it is loaded again when somebody asks. */
  readonly reloadAtMs: number;
  /** Digest of the index that it was read by; left out of a token. */
  readonly index?: string | undefined;
}

/** What must be done before a question about a tenant is answered. */
export type Need = "load" | "reload" | "nothing";

/** Counts since the start. */
export interface CacheCounters {
  /** Loads begun, of tenants not held and of those past half their life. */
  loads: number;
  /** Loads that came to nothing. */
  failures: number;
  /** Statements about a tenant that did not verify, or were older than one seen. */
  refused: number;
  /** Entitlements put aside because they name what the policy in force does not know. */
  quarantined: number;
  /** Questions about tenants that were let go without a look-up: too many were under way, or the source is down. */
  shed: number;
}

/** What a cache rests on. */
export interface TenantCacheOptions {
  readonly keeper: FeedKeeper;
  readonly loader: Pick<TenantLoader, "load">;
  readonly maxTenants: number;
  /** Milliseconds that only grow. */
  readonly monotonicMs: () => number;
  readonly onRefused: (error: DimmerError) => void;
}

/** Nobody to be asked again about for a while: there is no such tenant, or it could not be looked up. */
interface Nothing {
  readonly kind: "unknown" | "failed";
  /** Monotonic milliseconds. */
  readonly untilMs: number;
  /** Version of the head when it was learnt. */
  readonly version: Version;
}

/** The newest that was ever seen of a tenant, and the newest lock that a token of it carried. */
interface Seen {
  readonly version: Version;
  readonly lock?: { readonly lock: Lock; readonly version: Version } | undefined;
}

interface Load {
  readonly done: Promise<void>;
  /** Monotonic milliseconds. */
  readonly sinceMs: number;
}

const NOTHING_MS = 5_000;
/** What was signed further ahead than this was so by a clock that has been set back since. */
const TOLERANCE_MS = 60_000;
/** A load that takes longer is not shared any more: the request that began it may have ended, and with it the load. */
const LOST_MS = 10_000;
const MAX_NOTHING = 10_000;
const MAX_LOADS = 256;
/** The newest version of a tenant is remembered beyond the tenant itself. */
const SEEN_PER_TENANT = 4;
/** Failures in a row after which tenants not held are not looked up for a while: each would cost its asker the time limit. */
const FAILURES_TO_SHED = 5;
const SHED_MS = 1_000;

/** A tenant that is not in the feed. */
const UNKNOWN = new SharedProfile({ kind: "unknown" });
/** A tenant of which nothing is known. */
const NO_DATA = new SharedProfile({ kind: "no-data" });
const ILL_FORMED = new SharedProfile({ kind: "ill-formed" });

/**
 * Holds what is known of few tenants, verified. Bounded in tenants, in negative answers and in loads under way (F7). No
 * version of a tenant goes down while it is remembered (F1), and a failure takes nothing away (F6).
 */
export class TenantCache {
  readonly counters: CacheCounters = { loads: 0, failures: 0, refused: 0, quarantined: 0, shed: 0 };
  readonly #options: TenantCacheOptions;
  readonly #pool = new ProfilePool();
  readonly #tenants: LRUCache<string, HeldTenant>;
  readonly #nothing = new LRUCache<string, Nothing>({ max: MAX_NOTHING });
  readonly #seen: LRUCache<string, Seen>;
  readonly #loads = new Map<string, Load>();
  #failuresInRow = 0;
  #shedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: TenantCacheOptions) {
    this.#options = options;
    this.#tenants = new LRUCache({ max: options.maxTenants, dispose: ({ shared }) => this.#pool.leave(shared) });
    this.#seen = new LRUCache({ max: SEEN_PER_TENANT * options.maxTenants });
  }

  /** Tenants held. */
  get size(): number {
    return this.#tenants.size;
  }

  /** Negative answers kept. */
  get negatives(): number {
    return this.#nothing.size;
  }

  /** Loads under way. */
  get loading(): number {
    return this.#loads.size;
  }

  /** What is held about a tenant; counts as a use of it. */
  find(tenant: string): HeldTenant | undefined {
    return this.#tenants.get(tenant);
  }

  /**
   * The lock of a tenant: that of the list, or one that came in a token newer than the list. A token lifts none, and what
   * it carries ends when a head that is not older has brought its list (D3).
   */
  lockOf(tenant: string): Lock | undefined {
    const { held } = this.#options.keeper;
    const listed = held?.locks.get(tenant);
    if (listed !== undefined || held === undefined) return listed;
    const carried = this.#seen.peek(tenant)?.lock;
    return carried !== undefined && compareVersions(held.version, carried.version) < 0 ? carried.lock : undefined;
  }

  /** The profile that answers for a tenant, its lock left aside. */
  profileOf(tenant: string, known: HeldTenant | undefined, atLeast: Version | undefined): SharedProfile {
    if (known !== undefined) return isBelow(known.version, atLeast) ? NO_DATA : known.shared;
    const nothing = this.#nothing.peek(tenant);
    return nothing?.kind !== "unknown" || isBelow(nothing.version, atLeast) ? NO_DATA : UNKNOWN;
  }

  /** The profile of an id that no tenant can have. */
  get illFormed(): SharedProfile {
    return ILL_FORMED;
  }

  /** When a question about a tenant is asked: no fresher, and its horizon no further, than what is known of it. */
  momentOf(known: HeldTenant | undefined): Moment {
    const { time, held, ground } = this.#options.keeper;
    const { nowMs, freshness } = time;
    if (known === undefined || this.#isOfNewestIndex(known)) return time.moment;
    const horizonMs = Math.min(time.horizonMs, known.knownAtMs + ground.policy.stepDownForMs);
    const isFresh = held !== undefined && freshness === "fresh" && nowMs < known.expiresMs;
    return { nowMs, horizonMs, freshness: isFresh ? "fresh" : "stale" };
  }

  /** Whether a tenant must be loaded before a question about it, beside it, or not at all. */
  need(tenant: string, known: HeldTenant | undefined, atLeast: Version | undefined): Need {
    const { held, time } = this.#options.keeper;
    if (held === undefined) return "nothing";
    const { nowMs } = time;
    const nothing = this.#nothing.peek(tenant);
    const isTried = nothing !== undefined && this.#options.monotonicMs() < nothing.untilMs;
    if (known === undefined) return isTried && !isBelow(nothing.version, atLeast) ? "nothing" : "load";
    if (isBelow(known.version, atLeast)) return "load";
    if (isTried) return "nothing";
    if (this.#isOfNewestIndex(known)) return "nothing";
    if (nowMs >= known.expiresMs) return "load";
    const isAhead = known.knownAtMs > nowMs + TOLERANCE_MS;
    return known.index !== undefined || nowMs >= known.reloadAtMs || isAhead ? "reload" : "nothing";
  }

  /** Loads a tenant; who comes while it is loaded shares that. Never rejects, and takes nothing away by failing. */
  load(tenant: string): Promise<void> {
    const nowMs = this.#options.monotonicMs();
    const running = this.#loads.get(tenant);
    if (running !== undefined && nowMs - running.sinceMs < LOST_MS) return running.done;
    const isDown = this.#failuresInRow >= FAILURES_TO_SHED && nowMs < this.#shedUntilMs;
    if (isDown || (running === undefined && this.#loads.size >= MAX_LOADS)) {
      this.counters.shed += 1;
      return Promise.resolve();
    }
    this.counters.loads += 1;
    const load: Load = { done: this.#load(tenant), sinceMs: nowMs };
    this.#loads.set(tenant, load);
    return load.done.finally(() => {
      if (this.#loads.get(tenant) === load) this.#loads.delete(tenant);
    });
  }

  /** Somebody has waited long enough: nobody else waits for this tenant for a while. The load goes on. */
  giveUp(tenant: string): void {
    this.#keepNothing(tenant, "failed");
    this.#fail();
  }

  /** The loads under way. */
  loads(): readonly Promise<void>[] {
    return [...this.#loads.values()].map(({ done }) => done);
  }

  async #load(tenant: string): Promise<void> {
    const { keeper, loader, onRefused } = this.#options;
    try {
      const learnt = await loader.load(tenant, this.#tenants.peek(tenant) !== undefined);
      this.#failuresInRow = 0;
      if (this.#isAhead(learnt)) {
        this.#noteSeen(tenant, learnt);
        await keeper.refresh();
      }
      this.#take(tenant, learnt);
    } catch (cause) {
      const error = cause instanceof DimmerError ? cause : new DimmerError("feed_refused", String(cause), { cause });
      this.counters.failures += 1;
      if (error.code === "feed_unreachable") this.#fail();
      else {
        this.counters.refused += 1;
        onRefused(error);
      }
      this.#keepNothing(tenant, "failed");
    }
  }

  /** A lock or a policy that is newer than what is held: it is fetched before anything is answered by it. */
  #isAhead(learnt: Learnt): learnt is Extract<Learnt, { readonly kind: "terms" }> {
    const { held } = this.#options.keeper;
    return (
      learnt.kind === "terms" &&
      learnt.lock !== undefined &&
      held !== undefined &&
      compareVersions(learnt.version, held.version) > 0
    );
  }

  #take(tenant: string, learnt: Learnt): void {
    if (learnt.kind === "unknown") {
      // Absence is no deletion (F4): what is held stays, and is asked for again.
      this.#keepNothing(tenant, "unknown");
      return;
    }
    const { version } = learnt;
    const seen = this.#seen.peek(tenant);
    if (seen !== undefined && compareVersions(version, seen.version) < 0) {
      // An index lags behind the tokens: that is no fault of anybody.
      const isLate = learnt.index !== undefined;
      const message = `${tenant}: has version ${formatVersion(version)}, but ${formatVersion(seen.version)} was seen`;
      throw new DimmerError(isLate ? "feed_unreachable" : "statement_outdated", message, { retryable: isLate });
    }
    const held = this.#tenants.peek(tenant);
    const isOlder =
      held !== undefined && compareVersions(version, held.version) === 0 && learnt.knownAtMs < held.knownAtMs;
    if (isOlder && learnt.index === undefined) return;
    this.#keep(tenant, learnt, held);
  }

  #keep(tenant: string, learnt: Exclude<Learnt, { readonly kind: "unknown" }>, before: HeldTenant | undefined): void {
    const { keeper } = this.#options;
    const { version, knownAtMs, expiresMs, index } = learnt;
    const { nowMs } = keeper.time;
    const shared = learnt.kind === "gone" ? UNKNOWN : this.#pool.of(learnt.terms, undefined);
    if (shared.unknownTo(keeper.ground.policy) !== undefined && learnt.kind === "terms") {
      this.counters.quarantined += 1;
      if (before !== undefined) {
        this.#pool.sweep();
        this.#keepNothing(tenant, "failed");
        return;
      }
    }
    this.#pool.use(shared);
    const reloadAtMs = learnt.kind === "gone" ? nowMs + NOTHING_MS : (knownAtMs + expiresMs) / 2;
    this.#nothing.delete(tenant);
    this.#noteSeen(tenant, learnt);
    this.#tenants.set(tenant, {
      shared,
      cases: learnt.kind === "gone" ? [] : learnt.cases,
      version,
      knownAtMs,
      expiresMs,
      // A token that somebody kept past its half is not asked for at every question.
      reloadAtMs: Math.max(reloadAtMs, nowMs + NOTHING_MS),
      index,
    });
    this.#pool.sweep();
  }

  #noteSeen(tenant: string, learnt: Exclude<Learnt, { readonly kind: "unknown" }>): void {
    const seen = this.#seen.peek(tenant);
    const { version } = learnt;
    if (seen !== undefined && compareVersions(version, seen.version) < 0) return;
    const carried = learnt.kind === "terms" && learnt.lock !== undefined ? { lock: learnt.lock, version } : seen?.lock;
    this.#seen.set(tenant, { version, lock: carried });
  }

  #keepNothing(tenant: string, kind: Nothing["kind"]): void {
    const version = this.#options.keeper.held?.version ?? { epoch: 0, seq: 0 };
    this.#nothing.set(tenant, { kind, untilMs: this.#options.monotonicMs() + NOTHING_MS, version });
  }

  #fail(): void {
    this.#failuresInRow += 1;
    this.#shedUntilMs = this.#options.monotonicMs() + SHED_MS;
  }

  #isOfNewestIndex({ index }: HeldTenant): boolean {
    return index !== undefined && index === this.#options.keeper.held?.head.index;
  }
}

function isBelow(version: Version, atLeast: Version | undefined): boolean {
  return atLeast !== undefined && compareVersions(version, atLeast) < 0;
}
