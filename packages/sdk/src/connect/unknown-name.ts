import { callerMistake } from "./caller-mistake.ts";

/** Two slips of the pen; with three, names that have nothing to do with each other would come near. */
const MAX_SLIPS = 2;

/**
 * The error for a name that is none of those known, with the nearest where one is near. Never throws.
 *
 * @param field where it stands, the name itself included: `connect: audiance`
 * @param kind what it should have been: `option`, `field`
 */
export function unknownName(field: string, kind: string, name: string, known: readonly string[]): TypeError {
  const near = nearestName(name, known);
  const hint = near === undefined ? "" : `did you mean "${near}"? `;
  return callerMistake(field, `is no ${kind}`, `${hint}known are ${known.join(", ")}`);
}

/** The known name that the fewest slips lead to, at most two; the first of several. Never throws. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let fewest = MAX_SLIPS + 1;
  for (const candidate of known) {
    // Whoever writes a much longer name pays for no comparison of it.
    if (Math.abs(candidate.length - name.length) >= fewest) continue;
    const slips = slipsBetween(name.toLowerCase(), candidate.toLowerCase());
    if (slips < fewest) [nearest, fewest] = [candidate, slips];
  }
  return nearest;
}

/** Letters to insert, drop or replace to come from one to the other. */
function slipsBetween(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let at = 0; at < from.length; at++) {
    const letter = from[at];
    const next = [at + 1];
    for (let i = 0; i < to.length; i++) {
      const replaced = (row[i] as number) + (letter === to[i] ? 0 : 1);
      next.push(Math.min(replaced, (row[i + 1] as number) + 1, (next[i] as number) + 1));
    }
    row = next;
  }
  return row[to.length] as number;
}
