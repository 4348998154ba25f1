import { randomInt } from "node:crypto";

/** A seed for a property, printed: the one of `DIMMER_SEED`, so that a run can be repeated, or a new one. */
export function printedSeed(what: string): number {
  const given = Number.parseInt(process.env["DIMMER_SEED"] ?? "", 10);
  const seed = Number.isNaN(given) ? randomInt(2 ** 31) : given;
  console.info(`${what}: seed ${seed} (repeat with DIMMER_SEED=${seed})`);
  return seed;
}
