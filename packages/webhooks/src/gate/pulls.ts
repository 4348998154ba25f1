import type { Suspension } from "../store/outbox.ts";
import { Batch } from "./batch.ts";
import type { GateCounters } from "./counters.ts";
import { Limit } from "./limit.ts";
import type { GateSettings } from "./options.ts";

interface Pull {
  /** Set while `onResync` is under way. */
  controller: AbortController | undefined;
  failures: number;
  /** When it may be tried again, by the monotonic clock. */
  againMs: number;
}

/** Calls of `onResync` under way at once: a recovery of many tenants is no storm on who is pulled. */
const MAX_PULLS = 16;
/** So many suspensions are over in one transaction. */
const MAX_RESUMED = 500;
const AGAIN_MS = 5_000;
const AGAIN_MOST_MS = 300_000;

/**
 * Lets integrations be pulled again, beside the replay: one `onResync` at a time for a tenant, again and later where it
 * rejects or does not end; 16 at once of all tenants. The suspension is over once one that was not ended has resolved.
 */
export class Pulls {
  readonly #settings: GateSettings;
  readonly #counters: GateCounters;
  readonly #pulls = new Map<string, Pull>();
  readonly #underWay = new Set<Promise<void>>();
  readonly #resumed: Batch<string, void>;
  readonly #limit = new Limit(MAX_PULLS, 1);
  #isEnded = false;

  constructor(settings: GateSettings, counters: GateCounters) {
    this.#settings = settings;
    this.#counters = counters;
    this.#resumed = new Batch((tenants) => settings.store.resumed(tenants).then(() => []), { maxItems: MAX_RESUMED });
  }

  /** Begins what is not under way and may be tried. Never throws. */
  start(suspension: Suspension): void {
    const { tenant } = suspension;
    const pull = this.#pulls.get(tenant) ?? { controller: undefined, failures: 0, againMs: 0 };
    if (this.#isEnded || pull.controller !== undefined || this.#settings.clock.monotonicMs() < pull.againMs) return;
    const controller = new AbortController();
    pull.controller = controller;
    this.#pulls.set(tenant, pull);
    const done = this.#run(suspension, pull, controller.signal).finally(() => this.#underWay.delete(done));
    this.#underWay.add(done);
  }

  /** The tenant may no longer receive: what it is pulled for next covers more. Never throws. */
  end(tenant: string): void {
    const pull = this.#pulls.get(tenant);
    this.#pulls.delete(tenant);
    pull?.controller?.abort(new Error("the tenant may no longer receive"));
  }

  /** Ends all that is under way, and begins nothing more: it is asked for after the next start. Never throws. */
  endAll(): void {
    this.#isEnded = true;
    for (const tenant of this.#pulls.keys()) this.end(tenant);
  }

  /** Resolves when none is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  async #run(suspension: Suspension, pull: Pull, signal: AbortSignal): Promise<void> {
    const { tenant } = suspension;
    const { clock, onResync } = this.#settings;
    try {
      if (onResync !== undefined) await this.#pull(onResync, suspension, pull, signal);
      signal.throwIfAborted();
      await this.#resumed.add(tenant);
      if (onResync !== undefined) this.#counters.resyncs++;
      if (this.#pulls.get(tenant) === pull) this.#pulls.delete(tenant);
    } catch (error) {
      if (this.#pulls.get(tenant) !== pull) return;
      this.#counters.resyncFailures++;
      pull.againMs = clock.monotonicMs() + Math.min(AGAIN_MS * 2 ** pull.failures++, AGAIN_MOST_MS);
      pull.controller = undefined;
      const message = error instanceof Error ? error.message : String(error);
      this.#settings.log.warn({ error: message }, "webhooks: a resync failed; it is tried again");
    }
  }

  async #pull(
    onResync: NonNullable<GateSettings["onResync"]>,
    { tenant, sinceMs }: Suspension,
    pull: Pull,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, resyncTimeoutMs } = this.#settings;
    await this.#limit.enter(tenant, signal);
    const late = new Error(`onResync has not ended within ${resyncTimeoutMs} ms`);
    const callOff = clock.after(resyncTimeoutMs, () => pull.controller?.abort(late));
    try {
      await Promise.race([onResync({ tenant, sinceMs, untilMs: clock.nowMs(), signal }), aborted(signal)]);
    } finally {
      callOff();
      this.#limit.leave(tenant);
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_done, fail) => {
    signal.addEventListener("abort", () => fail(signal.reason as Error), { once: true });
  });
}
