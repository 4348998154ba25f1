/** Time as the gate uses it; tests put their own in its place. */
export interface GateClock {
  /** Unix milliseconds. The gate compares ages by it: it should not jump. */
  nowMs(): number;
  /** Milliseconds since some instant; never goes back. */
  monotonicMs(): number;
  /** Calls a function once after so many milliseconds; keeps no process alive. Returns how to call it off. */
  after(ms: number, run: () => void): () => void;
}

/** A timer that is set to more fires at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * The machine's clocks. Its Unix time is the wall clock read once plus monotonic time since: a wall clock that jumps
 * while the process runs neither ends the age of an event nor stretches the wait of a retry. Never throws.
 */
export function steadyClock(): GateClock {
  const startMs = Date.now() - performance.now();
  return {
    nowMs: () => Math.floor(startMs + performance.now()),
    monotonicMs: () => performance.now(),
    after(ms, run) {
      let timer: NodeJS.Timeout;
      const wait = (leftMs: number): void => {
        const stepMs = Math.min(leftMs, LONGEST_TIMER_MS);
        timer = setTimeout(() => (leftMs > stepMs ? wait(leftMs - stepMs) : run()), stepMs);
        timer.unref();
      };
      wait(ms);
      return () => clearTimeout(timer);
    },
  };
}
