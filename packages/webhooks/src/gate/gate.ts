import { randomUUID } from "node:crypto";
import { DimmerError } from "@dimmer/core";
import { steadyClock } from "../clock.ts";
import { type AcceptedEvent, acceptEvent, MAX_EVENT_BYTES, type WebhookEvent } from "../event.ts";
import { RETRY_SCHEDULE_MS } from "../retry-schedule.ts";
import type {
  Appended,
  EventState,
  FailedAttempt,
  LaneStatus,
  ListedEvent,
  NewEntry,
  OutboxTotals,
  Selection,
} from "../store/outbox.ts";
import { Attempts } from "./attempts.ts";
import { Batch } from "./batch.ts";
import { createGateCounters, type GateCounters } from "./counters.ts";
import { Lookout } from "./lookout.ts";
import { checkSettings, type GateOptions, type GateSettings } from "./options.ts";
import { RecentKeys } from "./recent-keys.ts";
import { Resync } from "./resync.ts";

/**
 * What became of an event: it arrived; it is held because its tenant may not receive; it is stored and will be sent
 * behind others or again; or it was given up and lies with the dead letters.
 */
export type Delivery = "sent" | "held" | "queued" | "dead";

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
   * calls. The same id for the same endpoint is one event, for as long as the store keeps it.
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
  /** Sends nothing to a tenant or an endpoint until `resume`; what comes waits. How many endpoints. */
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
  /** Starts nothing more, gives what is under way `graceMs` (5,000) to end, and leaves the store open. Never rejects. */
  close(graceMs?: number): Promise<void>;
}

/** How a tenant fares. */
export interface TenantStatus {
  readonly tenant: string;
  /** Whether it may receive now. */
  readonly isAllowed: boolean;
  readonly suspendedSinceMs: number | undefined;
  readonly lanes: readonly LaneStatus[];
}

const MAX_APPENDED = 1_000;
const MAX_REMEMBERED = 50_000;
/** Deliveries that wait in memory behind one that is under way to the same endpoint. */
const MAX_LINE = 1_000;
const CLOSE_GRACE_MS = 5_000;

/**
 * Makes the gate of a process: what a product would send while its customer may not receive is kept, and sent, in order
 * and marked, when it may again. One gate per process and store.
 *
 * @throws {TypeError} `options_invalid` naming the option, the value and the fix
 */
export function createGate(options: GateOptions): Gate {
  const settings = checkSettings({
    capability: "webhook",
    maxEventBytes: MAX_EVENT_BYTES,
    replayPerSecond: 50,
    maxConcurrent: 256,
    maxConcurrentPerTenant: 32,
    sendTimeoutMs: 60_000,
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
  readonly #entries: Batch<NewEntry, Appended>;
  /** Endpoints for which nothing waits in the store; asked of it once where this process alone writes it. */
  readonly #empty = new RecentKeys(MAX_REMEMBERED);
  /** Events that arrived lately. */
  readonly #arrived = new RecentKeys(MAX_REMEMBERED);
  /** By endpoint: the last of those that are being delivered past the store, and how many. */
  readonly #lines = new Map<string, { last: Promise<unknown>; length: number }>();
  readonly #unlisten: () => void;
  #isClosed = false;

  constructor(settings: GateSettings) {
    this.#settings = settings;
    const { dimmer, store } = settings;
    this.#attempts = new Attempts(settings, this.counters, (tenant) => this.allows(tenant));
    this.#entries = new Batch((entries) => store.append(entries), MAX_APPENDED);
    const mayReplay = (tenant: string): boolean => dimmer.isReady && this.allows(tenant);
    this.#resync = new Resync({
      settings,
      counters: this.counters,
      attempts: this.#attempts,
      mayReplay,
      isBusy: ({ tenant, endpoint }) => this.#lines.has(laneKey(tenant, endpoint)),
      onArrived: ({ tenant, endpoint }, id) => this.#arrived.add(eventKey(laneKey(tenant, endpoint), id)),
      holder: randomUUID(),
    });
    this.#lookout = new Lookout({
      settings,
      counters: this.counters,
      attempts: this.#attempts,
      resync: this.#resync,
      mayReplay,
    });
    this.#unlisten = dimmer.on?.("change", ({ tenant }) => this.#lookout.changed(tenant)) ?? (() => undefined);
    this.#lookout.start();
  }

  async deliver(event: WebhookEvent, { durable = false }: DeliverOptions = {}): Promise<Delivery> {
    if (this.#isClosed) throw new DimmerError("disk_failed", "webhooks: the gate is closed", { retryable: true });
    const accepted = acceptEvent(event, this.#settings.maxEventBytes);
    const key = laneKey(accepted.tenant, accepted.endpoint);
    const line = this.#lines.get(key);
    // What is stored past one that is under way would overtake it where that one fails.
    if (line === undefined && (durable || !this.allows(accepted.tenant))) return await this.#keep(accepted, key);
    if (line !== undefined && line.length >= MAX_LINE) {
      throw new DimmerError(
        "disk_failed",
        `webhooks: ${MAX_LINE} deliveries wait for one endpoint; deliver with durable`,
        {
          retryable: true,
        },
      );
    }
    const mine = line ?? { last: Promise.resolve(), length: 0 };
    const turn =
      line === undefined
        ? this.#deliverNow(accepted, { key, durable })
        : line.last.then(() => this.#deliverNow(accepted, { key, durable }));
    mine.length++;
    mine.last = turn.catch(() => undefined);
    if (line === undefined) this.#lines.set(key, mine);
    try {
      return await turn;
    } finally {
      mine.length--;
      if (mine.length === 0 && this.#lines.get(key) === mine) {
        this.#lines.delete(key);
        if (!this.#empty.has(key)) this.#lookout.wake();
      }
    }
  }

  async #deliverNow(
    event: AcceptedEvent,
    { key, durable }: { readonly key: string; readonly durable: boolean },
  ): Promise<Delivery> {
    if (durable || !(await this.#mayPass(event.tenant))) return await this.#keep(event, key);
    const known = eventKey(key, event.id);
    if (this.#arrived.has(known)) return "sent";
    if (!this.#empty.has(key)) {
      if (await this.#settings.store.hasBacklog(event.tenant, event.endpoint)) return await this.#keep(event, key);
      if (this.#settings.store.isSole) this.#empty.add(key);
      if (!this.allows(event.tenant)) return await this.#keep(event, key);
    }
    const outcome = await this.#attempts.run({ event, attempts: 0, resync: undefined });
    if (outcome === "arrived") {
      this.counters.sent++;
      this.#arrived.add(known);
      return "sent";
    }
    if (outcome === "cut") return await this.#keep(event, key);
    this.counters.failed++;
    return await this.#keep(event, key, outcome);
  }

  /** Until verified data is held, who was suspended when it last was stays so. */
  async #mayPass(tenant: string): Promise<boolean> {
    if (!this.allows(tenant)) return false;
    if (this.#settings.dimmer.isReady) return true;
    return !(await this.#settings.store.suspensions()).some((suspension) => suspension.tenant === tenant);
  }

  async #keep(event: AcceptedEvent, key: string, failed?: FailedAttempt): Promise<Delivery> {
    this.#empty.delete(key);
    const isHeld = !this.allows(event.tenant);
    const entry = { event, nowMs: this.#settings.clock.nowMs(), isHeld, ...(failed === undefined ? {} : { failed }) };
    let appended: Appended;
    try {
      appended = await this.#entries.add(entry);
    } catch (error) {
      this.counters.storeFailures++;
      throw error;
    }
    if (appended === "sent" || appended === "dead") return appended;
    const isDead = failed !== undefined && failed.nextMs === undefined;
    if (appended === "new") {
      if (isDead) this.counters.dead++;
      else if (isHeld) this.counters.held++;
      else this.counters.queued++;
    }
    if (isDead && appended === "new") return "dead";
    if (!isHeld) this.#lookout.wake();
    return isHeld ? "held" : "queued";
  }

  allows(tenant: string): boolean {
    return this.#settings.dimmer.check(tenant, this.#settings.capability).allowed;
  }

  async status(tenant: string): Promise<TenantStatus> {
    const { store } = this.#settings;
    const [lanes, suspensions] = await Promise.all([store.status(tenant), store.suspensions()]);
    const suspension = suspensions.find((one) => one.tenant === tenant);
    return { tenant, isAllowed: this.allows(tenant), suspendedSinceMs: suspension?.sinceMs, lanes };
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
    this.#empty.clear();
    const changed = await change();
    this.#empty.clear();
    this.#arrived.clear();
    this.#lookout.wake();
    return changed;
  }

  async close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unlisten();
    const ended = Promise.all([
      this.#lookout.close(),
      this.#resync.close(),
      ...[...this.#lines.values()].map(({ last }) => last),
    ]);
    const callOff = this.#settings.clock.after(graceMs, () => this.#attempts.endAll());
    if (graceMs === 0) this.#attempts.endAll();
    await ended;
    callOff();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** No tenant id has a NUL in it. */
function laneKey(tenant: string, endpoint: string): string {
  return `${tenant}\0${endpoint}`;
}

function eventKey(lane: string, id: string): string {
  return `${lane}\0${id}`;
}
