/**
 * The power by which a figure grows with what it is drawn over, between its two last points: 0 is flat, 1 is linear. `NaN`
 * where there are fewer than two.
 */
export function growthOf(points: readonly (readonly [x: number, y: number])[]): number {
  const [less, more] = points.slice(-2);
  if (less === undefined || more === undefined) return Number.NaN;
  return Math.log(more[1] / less[1]) / Math.log(more[0] / less[0]);
}

/** A slope with two digits; a dash where there is none, as between two figures of which one is 0. */
export function saySlope(slope: number): string {
  return Number.isFinite(slope) ? slope.toFixed(2) : "–";
}
