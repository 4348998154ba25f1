import { expect, it } from "vitest";
import { lineOf, notRunLine } from "./line.ts";

const scenario = { name: "hung", holds: ["D2", "F1", "F6"] };
const outcome = { runs: 3, recoveryMs: 12.6, figure: 2.34567, unit: "s", detail: "It went on." };

it("says what held, in figures that can be read", () => {
  expect(lineOf(scenario, outcome, { seed: 7, violations: [], count: 0 })).toEqual({
    scenario: "hung",
    held: ["D2", "F1", "F6"],
    ok: true,
    recoveryMs: 13,
    figure: 2.35,
    unit: "s",
    runs: 3,
    seed: 7,
    detail: "It went on.",
  });
});

it("takes out of what held every invariant that was violated, and names the first three of all", () => {
  const violations = ["F1", "F1", "D2", "F1"].map((invariant, i) => ({ invariant, what: `seen ${i}` }));
  const line = lineOf(scenario, outcome, { seed: 7, violations, count: 40 });
  expect(line).toMatchObject({ ok: false, held: ["F6"] });
  expect(line.detail).toBe("NOT HELD: F1: seen 0; F1: seen 1; D2: seen 2 (and 37 more). It went on.");
});

it("does not hold where only what is no invariant went wrong", () => {
  const violations = [{ invariant: "run", what: "it broke off" }];
  expect(lineOf(scenario, outcome, { seed: 7, violations, count: 1 })).toMatchObject({
    ok: false,
    held: ["D2", "F1", "F6"],
  });
});

it("claims nothing for what was not run", () => {
  expect(notRunLine("hung", 7, "it takes root")).toMatchObject({
    ok: null,
    held: [],
    runs: 0,
    detail: "not run: it takes root",
  });
});
