import { DimmerError } from "@dimmer/core";
import type { AcceptedEvent } from "../event.ts";
import type { Appended, FailedAttempt, Lane, NewEntry } from "../store/outbox.ts";
import type { Attempts } from "./attempts.ts";
import { Batch } from "./batch.ts";
import type { GateCounters } from "./counters.ts";
import type { GateSettings } from "./options.ts";
import { RecentKeys } from "./recent-keys.ts";

/**
 * What became of an event: it arrived; it is held because its tenant may not receive; it is stored and will be sent
 * behind others or again; or it was given up and lies with the dead letters.
 */
export type Delivery = "sent" | "held" | "queued" | "dead";

/** What deliveries stand on. */
export interface DeliveriesParts {
  readonly settings: GateSettings;
  readonly counters: GateCounters;
  readonly attempts: Attempts;
  readonly allows: (tenant: string) => boolean;
  /** Something waits in the store that may be sent. */
  readonly onWaiting: () => void;
}

/** What is being delivered to one endpoint past the store, one after the other. */
interface Line {
  last: Promise<unknown>;
  length: number;
  /** Something waits in the store that may be sent once this is done. */
  isAwaited: boolean;
}

const MAX_APPENDED = 1_000;
/** So much goes into one transaction: a store that works on this thread stops it for as long. */
const MAX_APPENDED_BYTES = 8 * 1_048_576;
const MAX_REMEMBERED = 50_000;
/** Deliveries that wait in memory behind one that is under way to the same endpoint. */
const MAX_LINE = 1_000;
/** Characters of all bodies that are being delivered or stored. */
const MAX_IN_HAND = 256 * 1_048_576;
/** How many are: each is some 3 KB of memory beside its body. */
const MAX_EVENTS_IN_HAND = 65_536;

/**
 * Takes events from the product: sends past the store what may go at once, and stores the rest. Order per endpoint is
 * that of calls: what is under way, and what is being stored, stands before what comes.
 */
export class Deliveries {
  readonly #parts: DeliveriesParts;
  readonly #entries: Batch<NewEntry, Appended>;
  /** Endpoints for which nothing waits in the store; asked of it once where this process alone writes it. */
  readonly #empty = new RecentKeys(MAX_REMEMBERED);
  /** Events that arrived lately. */
  readonly #arrived = new RecentKeys(MAX_REMEMBERED);
  /** By endpoint: the last of those that are being delivered past the store, and how many. */
  readonly #lines = new Map<string, Line>();
  /** By endpoint: how many are being stored. The store does not know of them yet. */
  readonly #storing = new Map<string, number>();
  #inHand = 0;
  #eventsInHand = 0;
  #isClosing = false;
  #onSettled: () => void = () => undefined;

  constructor(parts: DeliveriesParts) {
    this.#parts = parts;
    this.#entries = new Batch((entries) => parts.settings.store.append(entries), {
      maxItems: MAX_APPENDED,
      maxBytes: MAX_APPENDED_BYTES,
      bytesOf: ({ event }) => event.body.length,
    });
  }

  /** @throws {DimmerError} `disk_failed` where the store does not take it, or too much is under way */
  async deliver(event: AcceptedEvent, durable: boolean): Promise<Delivery> {
    const size = event.body.length;
    if (this.#inHand > 0 && this.#inHand + size > MAX_IN_HAND) {
      throw tooMuch(`${this.#inHand} characters of bodies are under way`);
    }
    if (this.#eventsInHand >= MAX_EVENTS_IN_HAND) throw tooMuch(`${this.#eventsInHand} deliveries are under way`);
    this.#inHand += size;
    this.#eventsInHand++;
    try {
      return await this.#deliverInOrder(event, durable);
    } finally {
      this.#inHand -= size;
      if (--this.#eventsInHand === 0) this.#onSettled();
    }
  }

  /**
   * Whether something is being delivered to this endpoint past the store; that something waits is told again when it is
   * not. Never throws.
   */
  isBusy({ tenant, endpoint }: Lane): boolean {
    const line = this.#lines.get(laneKey(tenant, endpoint));
    if (line !== undefined) line.isAwaited = true;
    return line !== undefined;
  }

  /** Notes that an event arrived out of the store. Never throws. */
  noteArrived({ tenant, endpoint }: Lane, id: string): void {
    this.#arrived.add(eventKey(laneKey(tenant, endpoint), id));
  }

  /** Forgets for which endpoints nothing waits. Never throws. */
  forgetEmpty(): void {
    this.#empty.clear();
  }

  /** Forgets what arrived: it may be sent again. Never throws. */
  forgetArrived(): void {
    this.#arrived.clear();
  }

  /** Begins nothing more: what waits in memory behind what is under way is stored. Resolves when all is done. */
  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#eventsInHand > 0) await new Promise<void>((done) => (this.#onSettled = done));
  }

  async #deliverInOrder(event: AcceptedEvent, durable: boolean): Promise<Delivery> {
    const key = laneKey(event.tenant, event.endpoint);
    const line = this.#lines.get(key);
    if (line === undefined) {
      if (this.#arrived.has(eventKey(key, event.id))) return "sent";
      // What is stored past one that is under way would overtake it where that one fails.
      if (durable || this.#storing.has(key) || !this.#parts.allows(event.tenant)) return await this.#keep(event, key);
    } else if (line.length >= MAX_LINE) {
      throw tooMuch(`${MAX_LINE} deliveries wait for one endpoint; deliver with durable`);
    }
    const mine = line ?? { last: Promise.resolve(), length: 0, isAwaited: false };
    const turn =
      line === undefined
        ? this.#deliverNow(event, { key, durable })
        : line.last.then(() => this.#deliverNow(event, { key, durable }));
    mine.length++;
    mine.last = turn.catch(() => undefined);
    if (line === undefined) this.#lines.set(key, mine);
    try {
      return await turn;
    } finally {
      mine.length--;
      if (mine.length === 0 && this.#lines.get(key) === mine) {
        this.#lines.delete(key);
        if (mine.isAwaited) this.#parts.onWaiting();
      }
    }
  }

  async #deliverNow(
    event: AcceptedEvent,
    { key, durable }: { readonly key: string; readonly durable: boolean },
  ): Promise<Delivery> {
    const known = eventKey(key, event.id);
    if (this.#arrived.has(known)) return "sent";
    if (durable || !(await this.#mayPass(event.tenant)) || (await this.#hasBacklog(event, key)) || this.#isClosing) {
      return await this.#keep(event, key);
    }
    const { attempts, counters } = this.#parts;
    const outcome = await attempts.run({ event, attempts: 0, resync: undefined });
    if (outcome === "arrived") {
      counters.sent++;
      this.#arrived.add(known);
      return "sent";
    }
    if (outcome === "cut") return await this.#keep(event, key);
    if (outcome.attempts > 0) counters.failed++;
    return await this.#keep(event, key, outcome);
  }

  /** Until verified data is held, who was suspended when it last was stays so. */
  async #mayPass(tenant: string): Promise<boolean> {
    const { dimmer, store } = this.#parts.settings;
    if (!this.#parts.allows(tenant)) return false;
    if (dimmer.isReady) return true;
    return !(await store.suspensions()).some((suspension) => suspension.tenant === tenant);
  }

  async #hasBacklog({ tenant, endpoint }: AcceptedEvent, key: string): Promise<boolean> {
    const { store } = this.#parts.settings;
    if (this.#empty.has(key)) return false;
    if (await store.hasBacklog(tenant, endpoint)) return true;
    if (store.isSole) this.#empty.add(key);
    return false;
  }

  async #keep(event: AcceptedEvent, key: string, failed?: FailedAttempt): Promise<Delivery> {
    const { counters, settings, allows, onWaiting } = this.#parts;
    this.#empty.delete(key);
    // Before verified data is held nobody knows; who was suspended when it last was known waits because of that.
    const isHeld = !allows(event.tenant) || (settings.dimmer.isReady ? false : "if-suspended");
    const entry: NewEntry = {
      event,
      nowMs: settings.clock.nowMs(),
      isHeld,
      ...(failed === undefined ? {} : { failed }),
    };
    const appended = await this.#append(entry, key);
    if (appended === "sent" || appended === "dead") return appended;
    const isNew = appended === "new" || appended === "held";
    if (isNew && failed !== undefined && failed.nextMs === undefined) {
      counters.dead++;
      return "dead";
    }
    const delivery = isHeld === true || appended === "held" ? "held" : "queued";
    if (isNew) counters[delivery]++;
    if (delivery === "queued") onWaiting();
    return delivery;
  }

  async #append(entry: NewEntry, key: string): Promise<Appended> {
    this.#storing.set(key, (this.#storing.get(key) ?? 0) + 1);
    try {
      return await this.#entries.add(entry);
    } catch (error) {
      this.#parts.counters.storeFailures++;
      throw error;
    } finally {
      const left = (this.#storing.get(key) ?? 1) - 1;
      if (left === 0) this.#storing.delete(key);
      else this.#storing.set(key, left);
    }
  }
}

function tooMuch(what: string): DimmerError {
  return new DimmerError("disk_failed", `webhooks: ${what}`, { retryable: true });
}

/** No tenant id has a NUL in it. */
function laneKey(tenant: string, endpoint: string): string {
  return `${tenant}\0${endpoint}`;
}

function eventKey(lane: string, id: string): string {
  return `${lane}\0${id}`;
}
