import {
  type Ask,
  compileStandardPolicy,
  decide,
  type FeatureDecision,
  type State,
  standardPolicy,
  type Terms,
} from "@dimmer/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readAnswer } from "../../src/remote/answer.ts";

const moment = { nowMs: 100, horizonMs: 100, freshness: "fresh" } as const;
const amount = fc.oneof(fc.integer({ min: -5, max: 200 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 0.5));

const terms: fc.Arbitrary<Terms> = fc.record({
  plan: fc.constantFrom(...Object.keys(standardPolicy.plans)),
  restrictions: fc.array(
    fc.record({
      cause: fc.constantFrom("nonpayment" as const, "breach" as const),
      steps: fc.tuple(
        fc.record({ atMs: fc.nat(200), mode: fc.constantFrom(...standardPolicy.modes.map((m) => m.name)) }),
      ),
    }),
    { maxLength: 2 },
  ),
});

/** What the sidecar writes for a decision: its JSON, with what a door adds. */
function onTheWire(decision: object): unknown {
  return JSON.parse(JSON.stringify({ ...decision, version: "1.1", tenant: "acme", case: "case_1" }));
}

describe("readAnswer", () => {
  it("D1 · gives the decision that was written, for any capability, feature, usage and terms", () => {
    const policy = compileStandardPolicy();
    fc.assert(
      fc.property(
        terms,
        fc.option(fc.constantFrom<string>(...standardPolicy.capabilities), { nil: undefined }),
        fc.option(fc.constantFrom("seats", "theme", "api_rps", "sso", "nonsense"), { nil: undefined }),
        fc.option(fc.record({ current: amount, adding: amount }), { nil: undefined }),
        (held, capability, feature, usage) => {
          fc.pre(capability !== undefined || feature !== undefined);
          const state: State = { policy, held: true, terms: held };
          const question = { ...(capability && { capability }), ...(feature && { feature }) } as Ask;
          const full = usage === undefined ? question : { ...question, usage };
          const answer = readAnswer(onTheWire(decide(state, question, moment)), full);
          expect(answer).toEqual(decide(state, full, moment));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  const granted = { allowed: true, capability: "view", mode: "full", reason: "granted", freshness: "fresh" };
  const denied = { ...granted, allowed: false, reason: "restricted", cause: "nonpayment", mode: "limited" };

  it("freezes what it reads and takes nothing else from it", () => {
    const answer = readAnswer({ ...granted, admin: true, __proto__: { x: 1 } }, { capability: "view" });
    expect(answer).toEqual(granted);
    expect(Object.isFrozen(answer)).toBe(true);
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["a list", [granted]],
    ["text", "allowed"],
    ["an empty object", {}],
    ["the answer to another question", { ...granted, capability: "create" }],
    ["an allowed that is text", { ...granted, allowed: "false" }],
    ["an unknown reason", { ...granted, reason: "because" }],
    ["an inherited reason", { ...granted, reason: "constructor" }],
    ["a denial that is granted", { ...granted, allowed: false }],
    ["an allowance that is locked", { ...granted, reason: "locked" }],
    ["an allowance with a cause", { ...granted, cause: "nonpayment" }],
    ["an unknown cause", { ...denied, cause: "spite" }],
    ["an unknown freshness", { ...granted, freshness: "frozen" }],
    ["a mode that is no text", { ...granted, mode: 3 }],
    ["a limit that is text", { ...granted, limit: "25" }],
    ["a remainder that is an object", { ...granted, remaining: {} }],
  ])("takes %s for no answer", (_, value) => {
    expect(readAnswer(value, { capability: "view" })).toBeUndefined();
  });

  it("counts usage here, as rule 5 says", () => {
    const wire = { ...granted, capability: "feature:seats", value: 25, limit: 25 };
    const ask = (current: number, adding: number) =>
      readAnswer(wire, { feature: "seats", usage: { current, adding } }) as FeatureDecision;
    expect(ask(24, 1)).toMatchObject({ allowed: true, reason: "granted", remaining: 1 });
    expect(ask(25, 1)).toMatchObject({ allowed: false, reason: "limit_reached", remaining: 0 });
    expect(ask(26, -1)).toMatchObject({ allowed: true, remaining: 0 });
    expect(ask(Number.NaN, 1)).toMatchObject({ allowed: false, reason: "limit_reached" });
  });
});
