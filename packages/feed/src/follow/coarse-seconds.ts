/** 2026-01-01T00:00:00Z. Seconds since then fit into a small integer until 2043 on every runtime. */
const BASE_MS = 1_767_225_600_000;
const SECOND_MS = 1_000;
const MAX_S = 2 ** 30 - 1;

/** Before every instant: what is valid until then is not. */
export const EXPIRED_S: number = -(2 ** 30);

/**
 * Whole seconds of an instant, rounded down, as a small integer: V8 keeps one in the object itself, where milliseconds
 * would be a number in a place of their own, one load more at every check. `coarseS(now) < coarseS(until)` implies
 * `now < until`. Never throws.
 */
export function coarseS(ms: number): number {
  return Math.max(EXPIRED_S, Math.min(MAX_S, Math.floor((ms - BASE_MS) / SECOND_MS)));
}
