import { quantile, type Spread, spreadOf } from "../statistics.ts";
import type { BenchAuthority } from "./authority.ts";
import type { Crew } from "./crew.ts";

/** Milliseconds from before a change was asked for: of every follower, and of the last of each change. */
export interface Reached {
  readonly changes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly lastMs: Spread;
}

/** What was set last: what says the same again is no change, and has no version of its own. */
let seats = 0;

/** Makes changes one after the other, each once all have the one before it. */
export async function reach(
  authority: Pick<BenchAuthority, "change">,
  crew: Crew,
  { changes, timeoutMs }: { readonly changes: number; readonly timeoutMs: number },
): Promise<Reached> {
  const all: number[] = [];
  const last: number[] = [];
  for (let i = 0; i < changes; i++) {
    const startNs = process.hrtime.bigint();
    const version = await authority.change(`tenant-${i}`, { name: "t", plan: "pro", features: { seats: ++seats } });
    const times = (await crew.times(version, timeoutMs)).map((atNs) => Number(atNs - startNs) / 1e6);
    all.push(...times);
    last.push(Math.max(...times));
  }
  all.sort((a, b) => a - b);
  return {
    changes,
    p50Ms: quantile(all, 0.5),
    p99Ms: quantile(all, 0.99),
    maxMs: all.at(-1) ?? Number.NaN,
    lastMs: spreadOf(last),
  };
}
