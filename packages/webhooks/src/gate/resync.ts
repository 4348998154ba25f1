import { randomUUID } from "node:crypto";
import { longestWaitOf } from "../retry-schedule.ts";
import type { Lane, Lease, LeaseRequest, Mark, NextItem, Outbox } from "../store/outbox.ts";
import type { AttemptOutcome, Attempts } from "./attempts.ts";
import { Batch } from "./batch.ts";
import type { GateCounters } from "./counters.ts";
import { Limit } from "./limit.ts";
import type { GateSettings } from "./options.ts";

/** What sends what waits for one tenant, in this process, while it holds the lease. */
interface Run {
  /** Names this run: what an earlier one began cannot be taken for its own. */
  readonly holder: string;
  readonly lease: Lease;
  /** Until when the lease is surely ours, by this process's own clock. Nothing is sent from then on. */
  validMs: number;
  isRenewing: boolean;
  callOff?: () => void;
  /** Lanes that are sent under it, until they have nothing more that is due. */
  readonly lanes: Set<number>;
}

type Taken = Pick<Run, "lease" | "validMs">;

/** What the runner stands on. */
export interface ResyncParts {
  readonly settings: GateSettings;
  readonly counters: GateCounters;
  readonly attempts: Attempts;
  /** Whether what waits for a tenant may be sent now. */
  readonly mayReplay: (tenant: string) => boolean;
  /** Whether the gate sends an event to this endpoint past the store right now. */
  readonly isBusy: (lane: Lane) => boolean;
  readonly onArrived: (lane: Lane, id: string) => void;
  /** Something waits that may be sent. */
  readonly onWaiting: () => void;
}

const MAX_MARKS = 1_000;
/** So many tenants' leases go into one transaction. */
const MAX_LEASES = 500;
/** How often in its time it is asked whether a lease is to be renewed; it is from when a third of it is over. */
const RENEWALS = 6;
const MARK_AGAIN_MS = 1_000;

/**
 * Sends what waits: one runner per tenant (by lease), one event at a time per endpoint, replays at their pace. An event
 * is followed by the next once its mark is durable, so that a crash repeats at most one event of an endpoint. Bodies are
 * read one at a time, once there is room to send them: `maxConcurrent` are in memory.
 */
export class Resync {
  readonly #parts: ResyncParts;
  readonly #store: Outbox;
  readonly #limit: Limit;
  readonly #marks: Batch<Mark, boolean>;
  readonly #leases: Batch<LeaseRequest, Taken | undefined>;
  readonly #givenBack: Batch<Lease, void>;
  readonly #runs = new Map<string, Run>();
  readonly #sending = new Set<number>();
  /** By lane: when its next replay may go out. Only lanes that are being sent stand here. */
  readonly #paces = new Map<number, number>();
  /** By tenant: leases that are being given back. */
  readonly #releases = new Map<string, Promise<void>>();
  /** What sends lanes, also under leases that are over. */
  readonly #underWay = new Set<Promise<void>>();
  readonly #sleepers = new Set<() => void>();
  readonly #longestWaitMs: number;
  #isWatching = false;
  #isClosed = false;

  constructor(parts: ResyncParts) {
    this.#parts = parts;
    const { store, maxConcurrent, maxConcurrentPerTenant, retryScheduleMs } = parts.settings;
    this.#store = store;
    this.#limit = new Limit(maxConcurrent, maxConcurrentPerTenant);
    this.#longestWaitMs = longestWaitOf(retryScheduleMs);
    this.#leases = new Batch((asked) => this.#ask(asked), { maxItems: MAX_LEASES });
    this.#givenBack = new Batch((leases) => store.release(leases).then(() => []), { maxItems: MAX_LEASES });
    this.#marks = new Batch((marks) => store.settle(marks), { maxItems: MAX_MARKS });
  }

  /** Whether a lane is being sent here. Never throws. */
  isSending(lane: number): boolean {
    return this.#sending.has(lane);
  }

  /** Begins to send lanes of a tenant that are due and not being sent, where the lease is to be had. */
  async start(tenant: string, lanes: readonly Lane[]): Promise<void> {
    const free = lanes.filter((lane) => !this.#sending.has(lane.lane) && !this.#parts.isBusy(lane));
    if (free.length === 0 || this.#isClosed) return;
    const run = this.#current(tenant) ?? (await this.#takeLease(tenant));
    if (run === undefined) return;
    // It came too late: nobody would give it back.
    if (this.#isOver(run) && run.lanes.size === 0) return await this.#giveBack(tenant, run);
    if (this.#isOver(run)) return;
    for (const lane of free) {
      if (this.#sending.has(lane.lane)) continue;
      this.#sending.add(lane.lane);
      run.lanes.add(lane.lane);
      const done = this.#sendLane(run, lane)
        .finally(() => this.#ended(tenant, run, lane.lane))
        .finally(() => this.#underWay.delete(done));
      this.#underWay.add(done);
    }
  }

  /**
   * Renews leases that are in use, by a timer of its own for as long as one is, however long the looks take. One that
   * cannot be renewed is over when its time is, whatever the store does.
   */
  #watchLeases(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const { clock, leaseMs } = this.#parts.settings;
    clock.after(leaseMs / RENEWALS, () => {
      this.#isWatching = false;
      for (const tenant of this.#runs.keys()) {
        const run = this.#current(tenant);
        if (run === undefined || run.isRenewing || run.validMs - clock.monotonicMs() > (leaseMs * 2) / 3) continue;
        void this.#renew(tenant, run);
      }
      if (this.#runs.size > 0) this.#watchLeases();
    });
  }

  async #renew(tenant: string, run: Run): Promise<void> {
    run.isRenewing = true;
    const taken = await this.#leases.add({ tenant, holder: run.holder }).catch(() => "unknown" as const);
    run.isRenewing = false;
    if (taken === "unknown") return;
    if (taken?.lease.fence === run.lease.fence) run.validMs = taken.validMs;
    else if (this.#runs.get(tenant) === run) this.#lose(tenant, run);
    // It had been given back before it was asked for again: nobody uses it.
    else if (taken !== undefined) await this.#store.release([taken.lease]).catch(() => undefined);
  }

  /** Resolves once nothing is sent and no lease is held. What is under way is ended by `Attempts.endAll`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const wake of this.#sleepers) wake();
    await Promise.all(this.#underWay);
  }

  /** The run of a tenant whose lease holds. One that is over sends nothing more, and its last marks count if they may. */
  #current(tenant: string): Run | undefined {
    const run = this.#runs.get(tenant);
    if (run === undefined || run.validMs > this.#parts.settings.clock.monotonicMs()) return run;
    this.#runs.delete(tenant);
    return undefined;
  }

  async #ask(asked: readonly LeaseRequest[]): Promise<readonly (Taken | undefined)[]> {
    const { clock, leaseMs } = this.#parts.settings;
    // By when it was asked for: the answer may be late.
    const validMs = clock.monotonicMs() + leaseMs;
    const leases = await this.#store.lease(asked, leaseMs);
    return leases.map((lease) => (lease === undefined ? undefined : { lease, validMs }));
  }

  async #takeLease(tenant: string): Promise<Run | undefined> {
    await this.#releases.get(tenant);
    const holder = randomUUID();
    const taken = await this.#leases.add({ tenant, holder });
    if (taken === undefined) return undefined;
    const run: Run = { holder, ...taken, isRenewing: false, lanes: new Set() };
    this.#runs.set(tenant, run);
    this.#endInTime(tenant, run);
    this.#watchLeases();
    return run;
  }

  /** What is under way when the right to send is over is ended then, not at the next look: another may begin. */
  #endInTime(tenant: string, run: Run): void {
    const { clock } = this.#parts.settings;
    const leftMs = run.validMs - clock.monotonicMs();
    if (leftMs <= 0) this.#parts.attempts.recheck(tenant);
    else run.callOff = clock.after(leftMs, () => this.#endInTime(tenant, run));
  }

  #lose(tenant: string, run: Run): void {
    run.validMs = Number.NEGATIVE_INFINITY;
    this.#parts.counters.fenced++;
    if (this.#runs.get(tenant) === run) this.#runs.delete(tenant);
    this.#parts.attempts.recheck(tenant);
  }

  async #ended(tenant: string, run: Run, lane: number): Promise<void> {
    this.#sending.delete(lane);
    this.#paces.delete(lane);
    run.lanes.delete(lane);
    if (run.lanes.size === 0) await this.#giveBack(tenant, run);
  }

  async #giveBack(tenant: string, run: Run): Promise<void> {
    run.callOff?.();
    if (this.#runs.get(tenant) === run) this.#runs.delete(tenant);
    const released = this.#givenBack
      .add(run.lease)
      .catch((error: unknown) => this.#warn(error, "a lease was not given back"))
      .finally(() => {
        if (this.#releases.get(tenant) === released) this.#releases.delete(tenant);
      });
    this.#releases.set(tenant, released);
    await released;
  }

  async #sendLane(run: Run, lane: Lane): Promise<void> {
    try {
      while (await this.#sendNext(run, lane));
    } catch (error) {
      this.#parts.counters.storeFailures++;
      this.#warn(error, "the store failed while events were sent; they wait");
    }
  }

  /** Sends one item. False: nothing more is to be sent now. */
  async #sendNext(run: Run, lane: Lane): Promise<boolean> {
    const { settings } = this.#parts;
    if (this.#isOver(run) || !(await this.#mayGoOn(lane))) return false;
    await this.#pace(lane.lane);
    await this.#limit.enter(lane.tenant);
    let item: NextItem | undefined;
    let outcome: AttemptOutcome;
    try {
      // Asked again: pace and room may have taken their time.
      if (this.#isOver(run) || !(await this.#mayGoOn(lane))) return false;
      item = await this.#store.next(lane.lane, settings.clock.nowMs(), this.#longestWaitMs);
      if (item === undefined || this.#isOver(run)) return false;
      if (item.isReplay) this.#notePace(lane.lane);
      outcome = await this.#attempt(run, lane, item);
    } finally {
      this.#limit.leave(lane.tenant);
    }
    if (outcome === "cut") return !this.#isOver(run);
    return await this.#mark(run, lane, { item, outcome });
  }

  #attempt(
    run: Run,
    { tenant, endpoint }: Lane,
    { id, type, body, attempts, kind, isReplay }: NextItem,
  ): Promise<AttemptOutcome> {
    const resync = kind === "gap" ? "required" : isReplay ? "replay" : undefined;
    const event = { tenant, endpoint, id, type, body };
    return this.#parts.attempts.run({ event, attempts, resync, rightEndsMs: () => run.validMs });
  }

  async #mark(
    run: Run,
    lane: Lane,
    { item, outcome }: { readonly item: NextItem; readonly outcome: Exclude<AttemptOutcome, "cut"> },
  ): Promise<boolean> {
    const { counters, settings } = this.#parts;
    const failed = outcome === "arrived" ? undefined : outcome;
    const mark: Mark = {
      lease: run.lease,
      lane: lane.lane,
      item,
      nowMs: settings.clock.nowMs(),
      ...(failed === undefined ? {} : { failed }),
    };
    const isTaken = await this.#markUntilDone(run, mark);
    if (isTaken === false) this.#lose(lane.tenant, run);
    if (failed !== undefined) {
      if (failed.attempts > item.attempts) counters.failed++;
      if (failed.nextMs !== undefined || failed.isGone === true) return false;
      if (isTaken === true) counters[item.kind === "event" ? "dead" : "gapsUntold"]++;
      // Who refuses one thing to the end is sent the next.
      return isTaken === true;
    }
    if (item.kind === "gap") counters.gapsTold++;
    else {
      counters.sent++;
      if (item.isReplay) counters.replayed++;
      this.#parts.onArrived(lane, item.id);
    }
    return isTaken === true;
  }

  /** An event that arrived and is not marked would be sent again and again: its lane waits for the store. */
  async #markUntilDone(run: Run, mark: Mark): Promise<boolean | undefined> {
    for (;;) {
      try {
        return await this.#marks.add(mark);
      } catch (error) {
        this.#parts.counters.storeFailures++;
        this.#warn(error, "what became of an event could not be written down; it is tried again");
        if (this.#isOver(run)) return undefined;
        await this.#wait(MARK_AGAIN_MS);
        if (this.#isOver(run)) return undefined;
      }
    }
  }

  async #mayGoOn({ tenant }: Lane): Promise<boolean> {
    if (this.#parts.mayReplay(tenant)) return true;
    if (this.#parts.settings.dimmer.isReady) await this.#store.hold(tenant, this.#parts.settings.clock.nowMs());
    return false;
  }

  async #pace(lane: number): Promise<void> {
    const waitMs = (this.#paces.get(lane) ?? 0) - this.#parts.settings.clock.monotonicMs();
    if (waitMs > 0) await this.#wait(waitMs);
  }

  #notePace(lane: number): void {
    const { clock, replayPerSecond } = this.#parts.settings;
    const intervalMs = 1_000 / replayPerSecond;
    // Timers are late: up to one place is made up for.
    const turnMs = Math.max(this.#paces.get(lane) ?? 0, clock.monotonicMs() - intervalMs);
    this.#paces.set(lane, turnMs + intervalMs);
  }

  /** Ends early when the gate closes. */
  #wait(ms: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    return new Promise((done) => {
      const wake = (): void => {
        callOff();
        this.#sleepers.delete(wake);
        done();
      };
      const callOff = this.#parts.settings.clock.after(ms, wake);
      this.#sleepers.add(wake);
    });
  }

  #isOver(run: Run): boolean {
    return this.#isClosed || this.#parts.settings.clock.monotonicMs() >= run.validMs;
  }

  #warn(error: unknown, message: string): void {
    this.#parts.settings.log.warn(
      { error: error instanceof Error ? error.message : String(error) },
      `webhooks: ${message}`,
    );
  }
}
