import { longestWaitOf } from "../retry-schedule.ts";
import type { Lane, Suspension } from "../store/outbox.ts";
import type { Attempts } from "./attempts.ts";
import type { GateCounters } from "./counters.ts";
import type { GateSettings } from "./options.ts";
import type { Pulls } from "./pulls.ts";
import type { Resync } from "./resync.ts";

/** What the lookout stands on. */
export interface LookoutParts {
  readonly settings: GateSettings;
  readonly counters: GateCounters;
  readonly attempts: Attempts;
  readonly resync: Resync;
  readonly pulls: Pulls;
  readonly mayReplay: (tenant: string) => boolean;
}

/** So many tenants may receive again in one transaction. */
const MAX_RESUMING = 500;
const EXPIRE_EVERY_MS = 60_000;

/**
 * Looks, again and again, who may receive and what is due, and starts what follows. It asks about every tenant for whom
 * something waits and remembers no change: what happened while the process was down is found like anything else.
 */
export class Lookout {
  readonly #parts: LookoutParts;
  readonly #longestWaitMs: number;
  /** Tenants that were told to be suspended, and since when: not yet noted in the store. */
  readonly #told = new Map<string, number>();
  readonly #closing = new AbortController();
  #looking: Promise<void> | undefined;
  #expiring: Promise<void> | undefined;
  #isWanted = false;
  #isClosed = false;
  #callOff: () => void = () => undefined;
  #expiredMs = Number.NEGATIVE_INFINITY;

  constructor(parts: LookoutParts) {
    this.#parts = parts;
    this.#longestWaitMs = longestWaitOf(parts.settings.retryScheduleMs);
  }

  start(): void {
    this.#callOff();
    if (this.#isClosed) return;
    this.wake();
    this.#callOff = this.#parts.settings.clock.after(this.#parts.settings.lookEveryMs, () => this.start());
  }

  /** Looks soon; while one looks, once more afterwards. Never throws. */
  wake(): void {
    this.#isWanted = true;
    if (this.#looking !== undefined || this.#isClosed) return;
    this.#looking = this.#lookWhileWanted().finally(() => {
      this.#looking = undefined;
      if (this.#isWanted) this.wake();
    });
  }

  /** The mode of a tenant is another one. Never throws. */
  changed(tenant: string): void {
    const { settings, attempts, pulls, mayReplay } = this.#parts;
    attempts.recheck(tenant);
    if (settings.dimmer.isReady && !mayReplay(tenant)) {
      pulls.end(tenant);
      // Integrations are pulled again also where no event came while they could not be.
      if (settings.onResync !== undefined && !this.#told.has(tenant)) this.#told.set(tenant, settings.clock.nowMs());
    }
    this.wake();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isWanted = false;
    this.#callOff();
    this.#closing.abort();
    await this.#looking;
    await this.#expiring;
  }

  async #lookWhileWanted(): Promise<void> {
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      try {
        await this.#look();
      } catch (error) {
        this.#parts.counters.storeFailures++;
        this.#warn(error);
      }
    }
  }

  async #look(): Promise<void> {
    const { settings, attempts, resync, mayReplay } = this.#parts;
    const { store, clock, dimmer } = settings;
    attempts.recheck();
    if (clock.monotonicMs() - this.#expiredMs >= EXPIRE_EVERY_MS) {
      this.#expiredMs = clock.monotonicMs();
      this.#expire();
    }
    if (!dimmer.isReady) return;
    for (const [tenant, sinceMs] of this.#told) {
      await store.hold(tenant, sinceMs);
      this.#told.delete(tenant);
    }
    await this.#lookAtSuspensions(await store.suspensions());
    const starts: Promise<void>[] = [];
    for (const [tenant, lanes] of Map.groupBy(
      await store.due(clock.nowMs(), this.#longestWaitMs),
      (lane: Lane) => lane.tenant,
    )) {
      if (this.#isClosed) break;
      if (mayReplay(tenant)) starts.push(resync.start(tenant, lanes));
      else await store.hold(tenant, clock.nowMs());
    }
    // All of them, also where one fails: a gate that closes waits for what was begun.
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  /** Beside the looks: it may have much to do, and leases must be renewed and events sent meanwhile. */
  #expire(): void {
    const { settings, resync, counters } = this.#parts;
    if (this.#expiring !== undefined) return;
    this.#expiring = settings.store
      .expire(settings.clock.nowMs(), (lane) => resync.isSending(lane), this.#closing.signal)
      .catch((error: unknown) => {
        counters.storeFailures++;
        this.#warn(error);
      })
      .finally(() => {
        this.#expiring = undefined;
      });
  }

  async #lookAtSuspensions(suspensions: readonly Suspension[]): Promise<void> {
    const { settings, pulls, mayReplay } = this.#parts;
    const { store, clock } = settings;
    const over: Suspension[] = [];
    for (const suspension of suspensions) {
      const { tenant, isResuming } = suspension;
      if (mayReplay(tenant)) over.push(suspension);
      else {
        pulls.end(tenant);
        if (isResuming) await store.hold(tenant, clock.nowMs());
      }
    }
    for (let at = 0; at < over.length && !this.#isClosed; at += MAX_RESUMING) {
      const some = over.slice(at, at + MAX_RESUMING);
      const isNew = some.filter(({ isResuming }) => !isResuming).map(({ tenant }) => tenant);
      if (isNew.length > 0) await store.resuming(isNew);
      for (const suspension of some) pulls.start(suspension);
    }
  }

  #warn(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#parts.settings.log.warn({ error: message }, "webhooks: a look failed; the next one tries again");
  }
}
