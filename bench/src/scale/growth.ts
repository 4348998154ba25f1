/**
 * The power by which a figure grows with what it is drawn over, between its two last points: 0 is flat, 1 is linear. `NaN`
 * where there are fewer than two.
 */
export function growthOf(points: readonly (readonly [x: number, y: number])[]): number {
  const [less, more] = points.slice(-2);
  if (less === undefined || more === undefined) return Number.NaN;
  return Math.log(more[1] / less[1]) / Math.log(more[0] / less[0]);
}
