import type { Lane, Lease, Mark, NextItem, Outbox } from "../store/outbox.ts";
import type { AttemptOutcome, Attempts } from "./attempts.ts";
import { Batch } from "./batch.ts";
import type { GateCounters } from "./counters.ts";
import { Limit } from "./limit.ts";
import type { GateSettings } from "./options.ts";

/** What sends what waits for one tenant, in this process, while it holds the lease. */
interface Run {
  readonly lease: Lease;
  /** Until when the lease is surely ours, by this process's own clock. */
  validMs: number;
  isLost: boolean;
  /** By lane: what sends it, until it has nothing more that is due. */
  readonly lanes: Map<number, Promise<void>>;
}

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
  /** Names this gate among those of one store. */
  readonly holder: string;
}

const MAX_MARKS = 1_000;
const MARK_AGAIN_MS = 1_000;

/**
 * Sends what waits: one runner per tenant (by lease), one event at a time per endpoint, replays at their pace. An event
 * is followed by the next once its mark is durable, so that a crash repeats at most one event of an endpoint.
 */
export class Resync {
  readonly #parts: ResyncParts;
  readonly #store: Outbox;
  readonly #limit: Limit;
  readonly #marks: Batch<Mark, boolean>;
  readonly #runs = new Map<string, Run>();
  readonly #sending = new Set<number>();
  /** By lane: when its next replay may go out. Only lanes that are being sent stand here. */
  readonly #paces = new Map<number, number>();
  #isClosed = false;

  constructor(parts: ResyncParts) {
    this.#parts = parts;
    const { store, maxConcurrent, maxConcurrentPerTenant } = parts.settings;
    this.#store = store;
    this.#limit = new Limit(maxConcurrent, maxConcurrentPerTenant);
    this.#marks = new Batch((marks) => store.settle(marks), MAX_MARKS);
  }

  /** Whether a lane is being sent here. Never throws. */
  isSending(lane: number): boolean {
    return this.#sending.has(lane);
  }

  /** Begins to send lanes of a tenant that are due and not being sent, where the lease is to be had. */
  async start(tenant: string, lanes: readonly Lane[]): Promise<void> {
    const free = lanes.filter((lane) => !this.#sending.has(lane.lane) && !this.#parts.isBusy(lane));
    if (free.length === 0 || this.#isClosed) return;
    const run = this.#runs.get(tenant) ?? (await this.#takeLease(tenant));
    if (run === undefined || run.isLost || this.#isClosed) return;
    for (const lane of free) {
      if (this.#sending.has(lane.lane)) continue;
      this.#sending.add(lane.lane);
      run.lanes.set(
        lane.lane,
        this.#sendLane(run, lane).finally(() => this.#ended(tenant, run, lane.lane)),
      );
    }
  }

  /** Renews leases that are in use; ends what is sent under one that could not be renewed in time. */
  async renew(): Promise<void> {
    const { clock, leaseMs } = this.#parts.settings;
    for (const [tenant, run] of this.#runs) {
      if (run.validMs - clock.monotonicMs() > (leaseMs * 2) / 3) continue;
      const askedMs = clock.monotonicMs();
      const lease = await this.#store.lease(tenant, this.#parts.holder, leaseMs).catch(() => "unknown" as const);
      if (lease !== "unknown" && lease?.fence === run.lease.fence) run.validMs = askedMs + leaseMs;
      else if (lease !== "unknown" || clock.monotonicMs() >= run.validMs - leaseMs / 3) this.#lose(tenant, run);
    }
  }

  /** Resolves once nothing is sent and no lease is held. What is under way is ended by `Attempts.endAll`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#runs.values()].flatMap((run) => [...run.lanes.values()]));
  }

  async #takeLease(tenant: string): Promise<Run | undefined> {
    const { clock, leaseMs } = this.#parts.settings;
    const askedMs = clock.monotonicMs();
    const lease = await this.#store.lease(tenant, this.#parts.holder, leaseMs);
    if (lease === undefined) return undefined;
    const run: Run = { lease, validMs: askedMs + leaseMs, isLost: false, lanes: new Map() };
    this.#runs.set(tenant, run);
    return run;
  }

  #lose(tenant: string, run: Run): void {
    run.isLost = true;
    this.#parts.counters.fenced++;
    if (this.#runs.get(tenant) === run) this.#runs.delete(tenant);
    this.#parts.attempts.endOf(tenant);
  }

  async #ended(tenant: string, run: Run, lane: number): Promise<void> {
    this.#sending.delete(lane);
    this.#paces.delete(lane);
    run.lanes.delete(lane);
    if (run.lanes.size > 0 || this.#runs.get(tenant) !== run) return;
    this.#runs.delete(tenant);
    await this.#store.release(run.lease).catch((error: unknown) => this.#warn(error, "a lease was not given back"));
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
    const item = await this.#store.next(lane.lane, settings.clock.nowMs());
    if (item === undefined) return false;
    if (item.isReplay) await this.#pace(lane.lane);
    await this.#limit.enter(lane.tenant);
    let outcome: AttemptOutcome;
    try {
      // Asked again: pace and room may have taken their time.
      if (this.#isOver(run) || !(await this.#mayGoOn(lane))) return false;
      outcome = await this.#attempt(lane, item);
    } finally {
      this.#limit.leave(lane.tenant);
    }
    if (outcome === "cut") return !this.#isOver(run);
    return await this.#mark(run, lane, { item, outcome });
  }

  #attempt(
    { tenant, endpoint }: Lane,
    { id, type, body, attempts, kind, isReplay }: NextItem,
  ): Promise<AttemptOutcome> {
    const resync = kind === "gap" ? "required" : isReplay ? "replay" : undefined;
    return this.#parts.attempts.run({ event: { tenant, endpoint, id, type, body }, attempts, resync });
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
      counters.failed++;
      if (failed.nextMs === undefined && item.kind === "event") counters.dead++;
      return failed.nextMs === undefined && failed.isGone !== true && isTaken === true && item.kind === "event";
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
    const { clock, replayPerSecond } = this.#parts.settings;
    const nowMs = clock.monotonicMs();
    const turnMs = Math.max(nowMs, this.#paces.get(lane) ?? 0);
    this.#paces.set(lane, turnMs + 1_000 / replayPerSecond);
    if (turnMs > nowMs) await this.#wait(turnMs - nowMs);
  }

  #wait(ms: number): Promise<void> {
    return new Promise((done) => void this.#parts.settings.clock.after(ms, done));
  }

  #isOver(run: Run): boolean {
    return this.#isClosed || run.isLost;
  }

  #warn(error: unknown, message: string): void {
    this.#parts.settings.log.warn(
      { error: error instanceof Error ? error.message : String(error) },
      `webhooks: ${message}`,
    );
  }
}
