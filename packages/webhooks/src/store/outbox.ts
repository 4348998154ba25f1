import type { AcceptedEvent } from "../event.ts";

/** How much is kept, per tenant unless said. What goes past a bound is dropped oldest first and becomes a gap. */
export interface OutboxBounds {
  /** Events that wait. Default 100,000; a tenant that is suspended for long finds a gap past it. */
  readonly maxEvents: number;
  /** Bytes of their bodies. Default 256 MiB. */
  readonly maxBytes: number;
  /** How long an event waits, and a dead letter is kept, in milliseconds. Default 30 days. */
  readonly maxAgeMs: number;
  /** How long a delivered event is kept, for replays and for producers that repeat an id. Default 24 h. */
  readonly keepSentMs: number;
  /** Delivered events that are kept in the whole store. Default 100,000. */
  readonly maxKept: number;
  /** Dead letters that are kept. Default 10,000; past it the oldest are let go of, and told as a gap. */
  readonly maxDead: number;
}

/** The bounds of a store unless it is told others. */
export const DEFAULT_BOUNDS: OutboxBounds = {
  maxEvents: 100_000,
  maxBytes: 256 * 1_048_576,
  maxAgeMs: 30 * 86_400_000,
  keepSentMs: 86_400_000,
  maxKept: 100_000,
  maxDead: 10_000,
};

/** Where an event stands: waiting for its turn, delivered, or given up. */
export type EventState = "waiting" | "sent" | "dead";

/** An event to be stored. */
export interface NewEntry {
  readonly event: AcceptedEvent;
  readonly nowMs: number;
  /**
   * Whether the tenant may not receive now. `if-suspended`: nobody knows yet, and who was suspended when it was last
   * known stays so.
   */
  readonly isHeld: boolean | "if-suspended";
  /** What an attempt without the store came to; left out where none was made. */
  readonly failed?: FailedAttempt;
}

/** A failed attempt, as it is kept. */
export interface FailedAttempt {
  /** Attempts made so far. */
  readonly attempts: number;
  /** When the next is due, in Unix milliseconds; left out where there is none: the event is dead. */
  readonly nextMs?: number;
  /** The endpoint wants nothing more. */
  readonly isGone?: boolean;
  /** Nothing was tried, since nobody knows where it should go: it waits until `nextMs`, and no attempt is counted. */
  readonly isUnconfigured?: boolean;
  /** For operators; no payload. */
  readonly error: string;
}

/** What became of an entry: it is new; it is new and held, as its tenant is suspended; or the id is known and stands there. */
export type Appended = "new" | "held" | EventState;

/** A lane: what waits for one endpoint of one tenant, sent one after the other. */
export interface Lane {
  readonly lane: number;
  readonly tenant: string;
  readonly endpoint: string;
}

/** A range of events that were dropped; both instants are those of dropped events. */
export interface Gap {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly dropped: number;
}

/** What a lane sends next. */
export interface NextItem {
  readonly kind: "event" | "gap";
  /** The event's place, or the first place of the gap. */
  readonly seq: number;
  /** For a gap, made of it: the same at every attempt. */
  readonly id: string;
  /** Whether it waited because of a mode. */
  readonly isReplay: boolean;
  /** Attempts made before. */
  readonly attempts: number;
  readonly atMs: number;
  readonly type: string;
  readonly body: string;
  readonly gap?: Gap;
}

/** The right to send what waits for a tenant. */
export interface Lease {
  readonly tenant: string;
  /** Grows with every holder: a mark that bears an older one is refused. */
  readonly fence: number;
}

/** Who asks for the right to send for a tenant. */
export interface LeaseRequest {
  readonly tenant: string;
  /** Names who holds it: the same renews, another waits until its time is over. */
  readonly holder: string;
}

/** What an attempt came to, to be written down. */
export interface Mark {
  readonly lease: Lease;
  readonly lane: number;
  readonly item: Pick<NextItem, "kind" | "seq">;
  readonly nowMs: number;
  /** Left out where it arrived. */
  readonly failed?: FailedAttempt;
}

/** How a lane fares, for operators. */
export interface LaneStatus extends Lane {
  readonly waiting: number;
  readonly bytes: number;
  readonly dead: number;
  /**
   * Why nothing is sent: an operator said so; the receiver answered 410; nobody knows where it should go (asked again
   * every minute); or a replay is being laid out.
   */
  readonly paused: "operator" | "gone" | "unconfigured" | "replaying" | undefined;
  /** What was dropped and is not told to the receiver yet. */
  readonly gap: Gap | undefined;
  /** What the receiver refused to be told, until `replay` tells it again: one range over all of it. */
  readonly untold: Gap | undefined;
  /** Attempts made of what stands first. */
  readonly attempts: number;
  readonly nextMs: number | undefined;
  readonly oldestMs: number | undefined;
  readonly lastError: string | undefined;
}

/** An event as it is listed: without its body. */
export interface ListedEvent {
  readonly seq: number;
  readonly tenant: string;
  readonly endpoint: string;
  readonly id: string;
  readonly type: string;
  readonly bytes: number;
  readonly atMs: number;
  readonly state: EventState;
}

/** Which events of a tenant an operator means. */
export interface Selection {
  readonly tenant: string;
  /** All endpoints where left out. */
  readonly endpoint?: string | undefined;
}

/** A tenant that could not receive. */
export interface Suspension {
  readonly tenant: string;
  readonly sinceMs: number;
  /** It may again, and is being resynced. */
  readonly isResuming: boolean;
}

/** Sums over the whole store. */
export interface OutboxTotals {
  /** Events dropped past a bound, and dead letters let go of, since this process opened the store. */
  readonly dropped: number;
  readonly waiting: number;
  readonly bytes: number;
  readonly dead: number;
  /** Endpoints of which nobody knows where they are: what waits for them stays. */
  readonly unconfigured: number;
  /** Tenants that are suspended and were not resynced since. */
  readonly suspended: number;
  /** Accepted when, what has waited longest for a tenant that may receive. */
  readonly oldestMs: number | undefined;
}

/**
 * Where events wait, durably. What has resolved survives a crash; what rejects has changed nothing.
 *
 * One contract, held by one suite of tests: SQLite (one process: a second is refused), PostgreSQL (several processes,
 * of which a lease lets one send for a tenant at a time), memory (for tests).
 */
export interface Outbox {
  /** Whether this process alone writes the store, and so may remember what is in it. */
  readonly isSole: boolean;
  /** Events dropped, and dead letters let go, since the start. */
  readonly dropped: number;
  /** Stores events in one transaction, in the order given; drops what goes past a bound. */
  append(entries: readonly NewEntry[]): Promise<readonly Appended[]>;
  /** Whether something waits for an endpoint, or is to be told it, or it is paused. */
  hasBacklog(tenant: string, endpoint: string): Promise<boolean>;
  /**
   * Lanes that have something to send and are due, by tenant; none of a tenant that is suspended and not resuming.
   *
   * @param longestWaitMs what no wait can be longer than (27 h): one that is was written by a clock that has gone back
   *   since, and is over
   */
  due(nowMs: number, longestWaitMs?: number): Promise<readonly Lane[]>;
  /** What a lane sends next; drops what is too old before. `undefined`: nothing, not yet, or paused. */
  next(lane: number, nowMs: number, longestWaitMs?: number): Promise<NextItem | undefined>;
  /**
   * Writes down what attempts came to; false where the lease is another's by now, and nothing was written. A gap that is
   * not told again is set aside: it stands in the status until `replay`.
   */
  settle(marks: readonly Mark[]): Promise<readonly boolean[]>;
  /** Notes that a tenant may not receive: what waits is a replay from now on, and is due when it may again. */
  hold(tenant: string, nowMs: number): Promise<void>;
  /** Tenants that were held and are not done with it. */
  suspensions(): Promise<readonly Suspension[]>;
  /** Notes that suspended tenants may receive again: their lanes are due. */
  resuming(tenants: readonly string[]): Promise<void>;
  /** Forgets suspensions that are resuming. */
  resumed(tenants: readonly string[]): Promise<void>;
  /** Takes or renews the right to send for tenants, in one transaction; `undefined` while another holds it. */
  lease(asked: readonly LeaseRequest[], ttlMs: number): Promise<readonly (Lease | undefined)[]>;
  /** Gives leases back; one that is another's by now stays. */
  release(leases: readonly Lease[]): Promise<void>;
  /**
   * Drops what waits too long in lanes that nobody sends, lets go of what was kept long enough, and ends what a process
   * that died had begun. In many short transactions: others' run between them, and `signal` ends it after any.
   */
  expire(nowMs: number, isSending: (lane: number) => boolean, signal?: AbortSignal): Promise<void>;
  status(tenant: string): Promise<readonly LaneStatus[]>;
  list(
    selection: Selection & { readonly state: EventState; readonly afterSeq?: number; readonly limit: number },
  ): Promise<readonly ListedEvent[]>;
  /** Pauses lanes, or lets them go on; of a whole tenant also those that are made later. How many there are. */
  setPaused(selection: Selection, isPaused: boolean): Promise<number>;
  /** Whether a whole tenant is paused. */
  isPaused(tenant: string): Promise<boolean>;
  /**
   * Lets dead letters wait again; with `sinceMs`, also what was delivered of that time or later; as many as the tenant
   * has room for. How many. Gaps that were set aside are told again. In many short transactions, over which its lanes are not due; what a crash leaves undone
   * the next `expire` does.
   */
  replay(
    selection: Selection & { readonly sinceMs?: number | undefined },
    onProgress?: (done: number) => void,
  ): Promise<number>;
  /**
   * Removes everything of a tenant, or of one endpoint: payloads, ids, gaps. How many events. It is out of sight at
   * once and off the disk in many short transactions; what a crash leaves undone the next `expire` does.
   */
  purge(selection: Selection, onProgress?: (done: number) => void): Promise<number>;
  totals(): Promise<OutboxTotals>;
  close(): Promise<void>;
}
