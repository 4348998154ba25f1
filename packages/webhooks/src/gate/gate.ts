import { DimmerError } from "@dimmer/core";
import { steadyClock } from "../clock.ts";
import { acceptEvent, MAX_EVENT_BYTES, type WebhookEvent } from "../event.ts";
import { refuseUnknownOptions } from "../known-options.ts";
import { RETRY_SCHEDULE_MS } from "../retry-schedule.ts";
import type { EventState, LaneStatus, ListedEvent, OutboxTotals, Selection } from "../store/outbox.ts";
import { Attempts } from "./attempts.ts";
import { createGateCounters, type GateCounters } from "./counters.ts";
import { Deliveries, type Delivery } from "./deliveries.ts";
import { Lookout } from "./lookout.ts";
import { checkSettings, GATE_OPTIONS, type GateOptions, type GateSettings } from "./options.ts";
import { Pulls } from "./pulls.ts";
import { Resync } from "./resync.ts";

/** How an event is delivered. */
export interface DeliverOptions {
  /**
   * Stored before it is sent, and sent in the background: the answer is `queued`, and a crash loses nothing from then
   * on. Default false: it is sent at once and stored only where it did not arrive; who crashes before the answer came
   * delivers again, by the same id.
   */
  readonly durable?: boolean;
}

/** The gate between a product and its customers' webhooks. */
export interface Gate extends AsyncDisposable {
  /**
   * Sends an event, or keeps it where its tenant may not receive. Order is kept per tenant and endpoint, in the order of
   * calls. The same id for the same endpoint is one event: for as long as the store keeps it where it is given
   * `durable` or cannot go at once. What goes at once is not looked up: it is known where it is among the last 25,000 of
   * this process that arrived.
   *
   * @throws {DimmerError} `input_invalid` where the event cannot be one, or its body is too large; `disk_failed` where
   *   the store does not take it: nothing is kept then, and the caller tries again
   */
  deliver(event: WebhookEvent, options?: DeliverOptions): Promise<Delivery>;
  /** Whether a tenant may receive now; from memory. Never throws. */
  allows(tenant: string): boolean;
  /** How the endpoints of a tenant fare, and since when it cannot receive. */
  status(tenant: string): Promise<TenantStatus>;
  /** Events of a tenant, without bodies; `dead` are the dead letters. */
  list(
    selection: Selection & { readonly state: EventState; readonly afterSeq?: number; readonly limit?: number },
  ): Promise<readonly ListedEvent[]>;
  /**
   * Sends nothing to an endpoint, or to a tenant with all endpoints that it has or gets, until `resume`; what comes
   * waits. How many endpoints are known.
   */
  pause(selection: Selection): Promise<number>;
  /** Lets go on what was paused by `pause` or by a receiver that answered 410. How many endpoints. */
  resume(selection: Selection): Promise<number>;
  /** Sends dead letters again; with `sinceMs`, also what arrived of that time or later and is still kept. How many. */
  replay(
    selection: Selection & { readonly sinceMs?: number | undefined },
    onProgress?: (done: number) => void,
  ): Promise<number>;
  /** Removes everything that is kept of a tenant or an endpoint. How many events. */
  purge(selection: Selection, onProgress?: (done: number) => void): Promise<number>;
  /** Sums over the store, for metrics. */
  totals(): Promise<OutboxTotals>;
  readonly counters: Readonly<GateCounters>;
  /**
   * Starts nothing more, gives what is under way `graceMs` (5,000) to end, stores what did not, and leaves the store
   * open. Until it resolves, what may no longer be sent is still cut short. A store that does not answer is waited for
   * 5 s past the grace: a delivery that has not resolved by then may not be kept. Never rejects.
   */
  close(graceMs?: number): Promise<void>;
}

/** How a tenant fares. */
export interface TenantStatus {
  readonly tenant: string;
  /** Whether it may receive now. */
  readonly isAllowed: boolean;
  readonly suspendedSinceMs: number | undefined;
  /** Whether an operator paused it whole, with endpoints that it does not have yet. */
  readonly isPaused: boolean;
  readonly lanes: readonly LaneStatus[];
}

const CLOSE_GRACE_MS = 5_000;
/** How long the store has, past the grace, to take what was under way. */
const STORE_GRACE_MS = 5_000;

/**
 * Makes the gate of a process: what a product would send while its customer may not receive is kept, and sent, in order
 * and marked, when it may again. One gate per process and store.
 *
 * @throws {TypeError} `options_invalid` naming the option, the value and the fix
 */
export function createGate(options: GateOptions): Gate {
  refuseUnknownOptions("createGate", options, GATE_OPTIONS);
  const settings = checkSettings({
    capability: "webhook",
    maxEventBytes: MAX_EVENT_BYTES,
    replayPerSecond: 50,
    maxConcurrent: 256,
    maxConcurrentPerTenant: 32,
    sendTimeoutMs: 60_000,
    resyncTimeoutMs: 600_000,
    retryScheduleMs: RETRY_SCHEDULE_MS,
    lookEveryMs: 500,
    leaseMs: 30_000,
    log: { warn: (fields, message) => console.error(message, JSON.stringify(fields)) },
    random: Math.random,
    ...options,
    clock: options.clock ?? steadyClock(),
  });
  return new OpenGate(settings);
}

class OpenGate implements Gate {
  readonly counters: GateCounters = createGateCounters();
  readonly #settings: GateSettings;
  readonly #attempts: Attempts;
  readonly #resync: Resync;
  readonly #lookout: Lookout;
  readonly #deliveries: Deliveries;
  readonly #pulls: Pulls;
  readonly #unlisten: () => void;
  #isClosed = false;

  constructor(settings: GateSettings) {
    this.#settings = settings;
    const { dimmer } = settings;
    const { counters } = this;
    const allows = (tenant: string): boolean => this.allows(tenant);
    const mayReplay = (tenant: string): boolean => dimmer.isReady && this.allows(tenant);
    const attempts = new Attempts(settings, counters, allows);
    const onWaiting = (): void => this.#lookout.wake();
    const deliveries = new Deliveries({ settings, counters, attempts, allows, onWaiting });
    const resync = new Resync({
      settings,
      counters,
      attempts,
      mayReplay,
      isBusy: (lane) => deliveries.isBusy(lane),
      onArrived: (lane, id) => deliveries.noteArrived(lane, id),
      onWaiting,
    });
    const pulls = new Pulls(settings, counters);
    this.#attempts = attempts;
    this.#deliveries = deliveries;
    this.#resync = resync;
    this.#pulls = pulls;
    this.#lookout = new Lookout({ settings, counters, attempts, resync, pulls, mayReplay });
    this.#unlisten = dimmer.on?.("change", ({ tenant }) => this.#lookout.changed(tenant)) ?? (() => undefined);
    this.#lookout.start();
  }

  async deliver(event: WebhookEvent, { durable = false }: DeliverOptions = {}): Promise<Delivery> {
    if (this.#isClosed) throw new DimmerError("disk_failed", "webhooks: the gate is closed", { retryable: true });
    return await this.#deliveries.deliver(acceptEvent(event, this.#settings.maxEventBytes), durable);
  }

  allows(tenant: string): boolean {
    return this.#settings.dimmer.check(tenant, this.#settings.capability).allowed;
  }

  async status(tenant: string): Promise<TenantStatus> {
    const { store } = this.#settings;
    const [lanes, suspensions, isPaused] = await Promise.all([
      store.status(tenant),
      store.suspensions(),
      store.isPaused(tenant),
    ]);
    const suspension = suspensions.find((one) => one.tenant === tenant);
    return { tenant, isAllowed: this.allows(tenant), suspendedSinceMs: suspension?.sinceMs, isPaused, lanes };
  }

  list({ limit = 100, ...selection }: Parameters<Gate["list"]>[0]): Promise<readonly ListedEvent[]> {
    return this.#settings.store.list({ ...selection, limit });
  }

  pause(selection: Selection): Promise<number> {
    return this.#operate(() => this.#settings.store.setPaused(selection, true));
  }

  resume(selection: Selection): Promise<number> {
    return this.#operate(() => this.#settings.store.setPaused(selection, false));
  }

  replay(
    selection: Selection & { readonly sinceMs?: number | undefined },
    onProgress?: (done: number) => void,
  ): Promise<number> {
    return this.#operate(() => this.#settings.store.replay(selection, onProgress));
  }

  purge(selection: Selection, onProgress?: (done: number) => void): Promise<number> {
    return this.#operate(() => this.#settings.store.purge(selection, onProgress));
  }

  totals(): Promise<OutboxTotals> {
    return this.#settings.store.totals();
  }

  /** What is remembered of the store is forgotten once before and once after it changes under the gate. */
  async #operate(change: () => Promise<number>): Promise<number> {
    this.#deliveries.forgetEmpty();
    const changed = await change();
    this.#deliveries.forgetEmpty();
    this.#deliveries.forgetArrived();
    this.#lookout.wake();
    return changed;
  }

  async close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const endAll = (): void => {
      this.#attempts.endAll();
      this.#pulls.endAll();
    };
    const { clock, log } = this.#settings;
    const ended = Promise.all([
      this.#lookout.close(),
      this.#resync.close(),
      this.#deliveries.close(),
      this.#pulls.settled(),
    ]);
    const callOff = clock.after(graceMs, endAll);
    if (graceMs <= 0) endAll();
    const late = Promise.withResolvers<void>();
    const callOffLate = clock.after(Math.max(graceMs, 0) + STORE_GRACE_MS, () => {
      log.warn({}, "webhooks: the store did not answer in time; the gate closed without it");
      late.resolve();
    });
    await Promise.race([ended, late.promise]);
    callOff();
    callOffLate();
    this.#unlisten();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
