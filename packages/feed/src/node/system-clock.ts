import { setImmediate } from "node:timers/promises";
import type { ReplicaClock } from "../follow/ports.ts";

/** The machine's clocks and timers. No timer keeps the process alive. */
export function systemClock(): ReplicaClock {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    every: (ms, fn) => {
      const timer = setInterval(fn, ms);
      timer.unref();
      return { stop: () => clearInterval(timer) };
    },
    after: (ms, fn) => {
      const timer = setTimeout(fn, ms);
      timer.unref();
      return { stop: () => clearTimeout(timer) };
    },
    turn: () => setImmediate(),
  };
}
