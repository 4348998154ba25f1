import { REASONS, type Reason } from "@dimmer/core";

/** The doors of the hot path and the rest: label values of `dimmer_requests_total`. */
const COUNTED_DOORS = [
  "check",
  "checks",
  "authzen",
  "ofrep",
  "hook",
  "explain",
  "entitlement",
  "feed",
  "status",
  "webhook",
  "other",
] as const;
/** A door as it is counted. */
export type CountedDoor = (typeof COUNTED_DOORS)[number];

/** Statuses with which a request is turned away: label values of `dimmer_requests_refused_total`. */
const REFUSAL_STATUSES = [400, 401, 403, 404, 405, 410, 413, 415, 421, 500, 501] as const;

/**
 * What the sidecar counts, as plain numbers: `/metrics` reads them when it is scraped, and adding one costs a
 * nanosecond. Keys are closed lists; no tenant and no path is ever one (F7).
 */
export interface Counters {
  readonly allowed: Record<Reason, number>;
  readonly denied: Record<Reason, number>;
  readonly requests: Record<CountedDoor, number>;
  readonly refused: Record<number, number>;
  /** Items of batches that were malformed. */
  malformedItems: number;
  /** Entitlement tokens signed, fetched from the authority, and given again from the cache. */
  tokensSigned: number;
  tokensFetched: number;
  tokensReused: number;
  /** Connections that did not speak HTTP. */
  malformedConnections: number;
}

/** Starts all counters at 0. */
export function createCounters(): Counters {
  const byReason = (): Record<Reason, number> =>
    Object.fromEntries(REASONS.map((reason) => [reason, 0])) as Record<Reason, number>;
  return {
    allowed: byReason(),
    denied: byReason(),
    requests: Object.fromEntries(COUNTED_DOORS.map((door) => [door, 0])) as Record<CountedDoor, number>,
    refused: Object.fromEntries(REFUSAL_STATUSES.map((status) => [status, 0])),
    malformedItems: 0,
    tokensSigned: 0,
    tokensFetched: 0,
    tokensReused: 0,
    malformedConnections: 0,
  };
}

/** Counts a refusal by its status; one that is not in the list counts as 500. Never throws. */
export function countRefusal(counters: Counters, status: number): void {
  const known = Object.hasOwn(counters.refused, status) ? status : 500;
  counters.refused[known] = (counters.refused[known] ?? 0) + 1;
}
