import { compileLinted, decide, lintPolicy, Profile } from "@dimmer/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { naiveDecide } from "./naive-decide.ts";
import { type World, worlds } from "./random-world.ts";
import { printedSeed } from "./seed.ts";

const RUNS = 100_000;
const PARTS = 10;
const TIMEOUT_MS = 60_000;
const seed = printedSeed("decide against naive");

describe("decide on random policies, tenants and moments", () => {
  it.each(Array.from({ length: PARTS }, (_, part) => seed + part))(
    `D1 · decide, and a profile asked again as time passes, equal the naive rules (${RUNS / PARTS} worlds)`,
    (partSeed) => {
      fc.assert(fc.property(worlds(), agreesWithNaive), { seed: partSeed, numRuns: RUNS / PARTS });
    },
    TIMEOUT_MS,
  );

  it("draws policies that lint without an error", () => {
    const isSound = ({ policy }: World): boolean => lintPolicy(policy).every(({ severity }) => severity === "warning");
    fc.assert(fc.property(worlds(), isSound), { seed, numRuns: 1_000 });
  });
});

function agreesWithNaive({ policy, state, questions }: World): void {
  const known = { ...state, policy: compileLinted(policy) };
  const reused = new Profile(known);
  for (const { ask, moment } of questions) {
    const expected = naiveDecide(policy, known, ask, moment);
    for (const answer of [decide(known, ask, moment), reused.answer(ask, moment)]) {
      // `toEqual` costs more than all the rest, so it is asked only where the fields differ.
      if (!isSame(answer, expected)) expect(answer).toEqual(expected);
    }
  }
}

function isSame(a: object, b: object): boolean {
  const fields = Object.entries(a);
  return (
    fields.length === Object.keys(b).length && fields.every(([key, value]) => Object.is(value, Reflect.get(b, key)))
  );
}
