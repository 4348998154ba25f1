/** Median, least and greatest of a series, in the unit of its values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

/** Sums up a series of at least one value. Never throws. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    min: sorted[0] ?? Number.NaN,
    max: sorted.at(-1) ?? Number.NaN,
    runs: sorted.length,
  };
}

/** The value below which `share` (0 to 1) of an ascending series lies; `NaN` for an empty one. */
export function quantile(sorted: readonly number[] | Float64Array, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const place = share * (sorted.length - 1);
  const low = sorted[Math.floor(place)] ?? Number.NaN;
  const high = sorted[Math.ceil(place)] ?? Number.NaN;
  return low + (high - low) * (place - Math.floor(place));
}

/** `12.3 (11.9–12.8)`: median with its spread; `12.3 (one pass)` where there is none. */
export function formatSpread(spread: Spread, digits: number): string {
  const median = spread.median.toFixed(digits);
  if (spread.runs === 1) return `${median} (one pass)`;
  return `${median} (${spread.min.toFixed(digits)}–${spread.max.toFixed(digits)})`;
}

/** A ratio to a floor that does less of the same: what is below 1 is the machine's noise, and is called so. */
export function formatToFloor(ratio: Spread, digits: number): string {
  return `${formatSpread(ratio, digits)}${ratio.median < 1 ? ", below its floor: noise" : ""}`;
}

/** A target as a table shows it: one that was missed says so. */
export function sayTarget(target: string, isMet: boolean): string {
  return isMet ? target : `${target}: **missed**`;
}
