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
    `D1 · decide, a new profile and one asked again as time passes equal the naive rules (${RUNS / PARTS} worlds)`,
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
    const answers = [decide(known, ask, moment), reused.answer(ask, moment), new Profile(known).answer(ask, moment)];
    for (const answer of answers) {
      // Written out, a decision is a few short fields: comparing text is ten times cheaper than `toEqual`.
      if (textOf(answer) !== textOf(expected)) expect(answer).toEqual(expected);
    }
  }
}

function textOf(answer: object): string {
  return JSON.stringify(Object.entries(answer).sort(([a], [b]) => (a < b ? -1 : 1)));
}
