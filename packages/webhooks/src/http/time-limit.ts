/** The time that an attempt has. */
export interface TimeLimit {
  /** Aborts with a `TimeoutError` when the time is over, or with the reason of what it follows. */
  readonly signal: AbortSignal;
  /** Ends it: nothing is kept of it from then on. Never throws. */
  readonly lift: () => void;
}

/**
 * Limits the time of an attempt that another signal may end as well. `AbortSignal.any` with `AbortSignal.timeout` would
 * say the same and keep each attempt in memory for its whole time, also once it is over: 20 s of them.
 */
export function timeLimit(timeoutMs: number, follows: AbortSignal): TimeLimit {
  const controller = new AbortController();
  const follow = (): void => controller.abort(follows.reason);
  const timer = setTimeout(() => controller.abort(new DOMException("the time is over", "TimeoutError")), timeoutMs);
  timer.unref();
  if (follows.aborted) follow();
  else follows.addEventListener("abort", follow, { once: true });
  return {
    signal: controller.signal,
    lift: () => {
      clearTimeout(timer);
      follows.removeEventListener("abort", follow);
    },
  };
}
