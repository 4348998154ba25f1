import type { Lane, Suspension } from "../store/outbox.ts";
import type { Attempts } from "./attempts.ts";
import type { GateCounters } from "./counters.ts";
import type { GateSettings } from "./options.ts";
import type { Resync } from "./resync.ts";

/** What the lookout stands on. */
export interface LookoutParts {
  readonly settings: GateSettings;
  readonly counters: GateCounters;
  readonly attempts: Attempts;
  readonly resync: Resync;
  readonly mayReplay: (tenant: string) => boolean;
}

const EXPIRE_EVERY_MS = 60_000;
const RESYNC_AGAIN_MS = 5_000;
const RESYNC_AGAIN_MOST_MS = 300_000;

interface Pull {
  isUnderWay: boolean;
  failures: number;
  againMs: number;
}

/**
 * Looks, again and again, who may receive and what is due, and starts what follows. It asks about every tenant for whom
 * something waits and remembers no change: what happened while the process was down is found like anything else.
 */
export class Lookout {
  readonly #parts: LookoutParts;
  readonly #pulls = new Map<string, Pull>();
  #looking: Promise<void> | undefined;
  #isWanted = false;
  #isClosed = false;
  #callOff: () => void = () => undefined;
  #expiredMs = Number.NEGATIVE_INFINITY;

  constructor(parts: LookoutParts) {
    this.#parts = parts;
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
    const { settings, attempts, mayReplay } = this.#parts;
    attempts.recheck(tenant);
    // Integrations are pulled again also where no event came while they could not be.
    if (settings.onResync !== undefined && settings.dimmer.isReady && !mayReplay(tenant)) {
      void settings.store.hold(tenant, settings.clock.nowMs()).catch((error: unknown) => this.#warn(error));
    }
    this.wake();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#isWanted = false;
    this.#callOff();
    await this.#looking;
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
    await resync.renew();
    if (clock.monotonicMs() - this.#expiredMs >= EXPIRE_EVERY_MS) {
      this.#expiredMs = clock.monotonicMs();
      await store.expire(clock.nowMs(), (lane) => resync.isSending(lane));
    }
    if (!dimmer.isReady) return;
    for (const suspension of await store.suspensions()) await this.#lookAtSuspension(suspension);
    for (const [tenant, lanes] of Map.groupBy(await store.due(clock.nowMs()), (lane: Lane) => lane.tenant)) {
      if (this.#isClosed) return;
      if (mayReplay(tenant)) await resync.start(tenant, lanes);
      else await store.hold(tenant, clock.nowMs());
    }
  }

  async #lookAtSuspension(suspension: Suspension): Promise<void> {
    const { store, clock } = this.#parts.settings;
    const { tenant, isResuming } = suspension;
    if (!this.#parts.mayReplay(tenant)) {
      if (isResuming) await store.hold(tenant, clock.nowMs());
      return;
    }
    if (!isResuming) await store.resuming(tenant);
    this.#pull(suspension);
  }

  /** Lets integrations be pulled again, beside the replay; the suspension is over once they are. */
  #pull({ tenant, sinceMs }: Suspension): void {
    const { settings, counters } = this.#parts;
    const { store, clock, onResync } = settings;
    const pull = this.#pulls.get(tenant) ?? { isUnderWay: false, failures: 0, againMs: 0 };
    if (pull.isUnderWay || clock.monotonicMs() < pull.againMs) return;
    pull.isUnderWay = true;
    this.#pulls.set(tenant, pull);
    const done = async (): Promise<void> => {
      try {
        await onResync?.({ tenant, sinceMs, untilMs: clock.nowMs() });
        await store.resumed(tenant);
        if (onResync !== undefined) counters.resyncs++;
        this.#pulls.delete(tenant);
      } catch (error) {
        counters.resyncFailures++;
        pull.againMs = clock.monotonicMs() + Math.min(RESYNC_AGAIN_MS * 2 ** pull.failures++, RESYNC_AGAIN_MOST_MS);
        pull.isUnderWay = false;
        this.#warn(error);
      }
    };
    void done();
  }

  #warn(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#parts.settings.log.warn({ error: message }, "webhooks: a look failed; the next one tries again");
  }
}
