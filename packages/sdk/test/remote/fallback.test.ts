import {
  type Ask,
  compileLinted,
  decide,
  LOCK_CAUSES,
  type Lock,
  type PolicyDocument,
  standardPolicy,
} from "@dimmer/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideWithoutData } from "../../src/remote/fallback.ts";
import { STANDARD_NAMES } from "../../src/remote/standard-names.ts";

const names = [...standardPolicy.capabilities, "nonsense", "constructor", ""];
const features = [...Object.keys(standardPolicy.features), "nonsense", "toString"];
const verdict = fc.constantFrom("allow" as const, "deny" as const);

const fallback = fc
  .tuple(verdict, fc.dictionary(fc.constantFrom(...names, ...features.map((name) => `feature:${name}`)), verdict))
  .map(([rest, some]) => ({ ...some, "*": rest }));

const lock: fc.Arbitrary<Lock | undefined> = fc.option(
  fc.record({
    tenant: fc.constant("acme"),
    cause: fc.constantFrom(...LOCK_CAUSES),
    case: fc.constant("case_1"),
    sinceMs: fc.nat(),
    allow: fc.uniqueArray(fc.constantFrom(...names)),
  }),
  { nil: undefined },
);

const ask: fc.Arbitrary<Ask> = fc.oneof(
  fc.record({ capability: fc.constantFrom(...names) }),
  fc.record({ feature: fc.constantFrom(...features) }),
  fc.record({ capability: fc.constantFrom(...names), feature: fc.constantFrom(...features) }),
  fc.constant({}),
);

describe("decideWithoutData", () => {
  it("D1 · equals decide over a state without data, for any fallback, lock and question", () => {
    fc.assert(
      fc.property(fallback, lock, ask, fc.constantFrom("acme", "..", "__proto__"), (noData, held, question, tenant) => {
        const document: PolicyDocument = { ...standardPolicy, fallback: { no_data: noData, unknown_tenant: noData } };
        const state = { policy: compileLinted(document), held: false, lock: held, isIllFormed: tenant === ".." };
        const moment = { nowMs: 1, horizonMs: 1, freshness: "fresh" } as const;
        const answer = decideWithoutData(tenant, question, { policy: document, lock: held, freshness: "fresh" });
        expect(answer).toEqual(decide(state, question, moment));
        expect(Object.isFrozen(answer)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it("answers by the standard policy's names before a policy is held", () => {
    for (const capability of names) {
      for (const feature of [undefined, ...features]) {
        const question: Ask = feature === undefined ? { capability } : { capability, feature };
        const known = { lock: undefined, freshness: "stale" } as const;
        const answer = decideWithoutData("acme", question, { ...known, policy: STANDARD_NAMES });
        expect(answer).toEqual(decideWithoutData("acme", question, { ...known, policy: standardPolicy }));
      }
    }
  });
});
