import { loadavg } from "node:os";
import { quantile } from "./statistics.ts";

/** How long this machine itself stalls a process that only reads the clock, in milliseconds. */
export interface Hiccup {
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Stalls of over 1 ms in a second. */
  readonly stallsPerSecond: number;
  /** How long it looked. */
  readonly seconds: number;
  /** Load average of the minute before: what others keep busy. */
  readonly load: number;
}

const STEP_NS = 50_000n;

/**
 * Reads the clock in a tight loop for `durationMs` and keeps, for every 50 µs of it, how long the worst gap was. What
 * it finds is the machine's own noise: no server on it can promise less.
 */
export function measureHiccup(durationMs: number): Hiccup {
  const load = loadavg()[0] ?? Number.NaN;
  const end = process.hrtime.bigint() + BigInt(durationMs) * 1_000_000n;
  const gaps: number[] = [];
  let last = process.hrtime.bigint();
  let stalls = 0;
  while (last < end) {
    let worst = 0n;
    const stepEnd = last + STEP_NS;
    while (last < stepEnd) {
      const now = process.hrtime.bigint();
      if (now - last > worst) worst = now - last;
      last = now;
    }
    const gapMs = Number(worst) / 1e6;
    if (gapMs > 1) stalls++;
    gaps.push(gapMs);
  }
  gaps.sort((a, b) => a - b);
  return {
    p99Ms: quantile(gaps, 0.99),
    p999Ms: quantile(gaps, 0.999),
    maxMs: gaps.at(-1) ?? Number.NaN,
    stallsPerSecond: stalls / (durationMs / 1_000),
    seconds: durationMs / 1_000,
    load,
  };
}
