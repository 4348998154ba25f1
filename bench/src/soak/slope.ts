/** How fast something grows: a straight line through samples, with what it may be off by. */
export interface Slope {
  /** Units an hour. */
  readonly perHour: number;
  /** Half the width of the interval in which it lies with 95 % confidence, the same unit; Infinity: nothing is known. */
  readonly within: number;
  readonly samples: number;
}

/** One look at a process: seconds since anything, and the value. */
export type Sample = readonly [atS: number, value: number];

const HOUR_S = 3_600;
/** A line through fewer says nothing about what it may be off by. */
const LEAST_SAMPLES = 8;

/**
 * The common slope of several lives of a process: each life has a level of its own, all have one slope. Samples that
 * follow each other are alike, so that there are fewer independent ones than samples; the interval says so. Never throws.
 */
export function slopeOf(lives: readonly (readonly Sample[])[]): Slope {
  const used = lives.filter((life) => life.length >= LEAST_SAMPLES);
  let sxx = 0;
  let sxy = 0;
  for (const life of used) {
    const [meanX, meanY] = meansOf(life);
    for (const [x, y] of life) {
      sxx += (x - meanX) ** 2;
      sxy += (x - meanX) * (y - meanY);
    }
  }
  const samples = used.reduce((sum, life) => sum + life.length, 0);
  if (sxx === 0) return { perHour: Number.NaN, within: Number.POSITIVE_INFINITY, samples };
  const slope = sxy / sxx;
  const residuals = used.map((life) => {
    const [meanX, meanY] = meansOf(life);
    return life.map(([x, y]) => y - meanY - slope * (x - meanX));
  });
  const squares = residuals.flat().reduce((sum, one) => sum + one ** 2, 0);
  const alike = Math.max(0, likenessOf(residuals));
  const free = (samples * (1 - alike)) / (1 + alike) - used.length - 1;
  const error = free > 0 ? Math.sqrt(squares / free / sxx) * Math.sqrt(samples / (free + used.length + 1)) : Infinity;
  return { perHour: slope * HOUR_S, within: 2 * error * HOUR_S, samples };
}

/** Whether more than chance lets it grow: the whole interval lies above nothing. */
export function grows({ perHour, within }: Slope): boolean {
  return perHour - within > 0;
}

function meansOf(life: readonly Sample[]): [x: number, y: number] {
  const sum = (of: (sample: Sample) => number): number => life.reduce((total, sample) => total + of(sample), 0);
  return [sum(([x]) => x) / life.length, sum(([, y]) => y) / life.length];
}

/** How alike one sample is to the next: the correlation of residuals that follow each other. */
function likenessOf(residuals: readonly (readonly number[])[]): number {
  let products = 0;
  let squares = 0;
  for (const life of residuals) {
    for (const [i, one] of life.entries()) {
      squares += one ** 2;
      products += one * (life[i + 1] ?? 0);
    }
  }
  return squares === 0 ? 0 : Math.min(0.99, products / squares);
}
