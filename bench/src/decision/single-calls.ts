import { quantile } from "../statistics.ts";

/** How long single calls take, in nanoseconds, less what reading the clock twice takes. */
export interface SingleCalls {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/**
 * Times `count` calls one by one. Reading the clock takes longer than a decision: what is left after taking its median
 * away is good to some ten nanoseconds, and a p99.9 is mostly the machine's, so read it beside a floor's.
 */
export function timeSingleCalls(operation: (i: number) => number, count: number): SingleCalls {
  const clock = quantile(
    timesOf(() => 0, count),
    0.5,
  );
  const times = timesOf(operation, count);
  const ns = (share: number): number => Math.max(0, quantile(times, share) - clock) * 1e6;
  return { p50: ns(0.5), p99: ns(0.99), p999: ns(0.999) };
}

/** Milliseconds of each call, ascending. */
function timesOf(operation: (i: number) => number, count: number): Float64Array {
  const times = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const before = performance.now();
    sum += operation(i);
    times[i] = performance.now() - before;
  }
  if (sum === Number.MIN_VALUE) process.stderr.write("unlikely\n");
  return times.sort();
}
