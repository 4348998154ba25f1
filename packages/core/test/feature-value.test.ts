import { compileStandardPolicy, featureValueFault, unknownNames } from "@dimmer/core";
import { describe, expect, it } from "vitest";

describe("featureValueFault", () => {
  it.each([
    ["boolean", true],
    ["boolean", null],
    ["limit", 0],
    ["limit", 2.5],
    ["limit", null],
    ["string", ""],
    ["string", null],
    ["json", {}],
    ["json", [1, { a: null }]],
    ["json", null],
  ] as const)("finds nothing wrong with a %s of %j", (type, value) => {
    expect(featureValueFault(type, value)).toBeUndefined();
  });

  it.each([
    ["boolean", 1],
    ["boolean", "true"],
    ["limit", -1],
    ["limit", "5"],
    ["limit", true],
    ["limit", Number.NaN],
    ["limit", Number.POSITIVE_INFINITY],
    ["string", 5],
    ["string", "x".repeat(4_001)],
    ["json", "{}"],
    ["json", 5],
    ["json", undefined],
  ] as const)("says what is wrong with a %s of %j", (type, value) => {
    expect(featureValueFault(type, value)).toMatchObject({ kind: "wrong_type" });
  });

  it("refuses a JSON value that is too deep or too large, without walking all of it", () => {
    let deep: unknown = 0;
    for (let level = 0; level < 100_000; level += 1) deep = { deep };
    expect(featureValueFault("json", deep)).toMatchObject({ kind: "too_deep" });
    expect(
      featureValueFault(
        "json",
        Array.from({ length: 1_001 }, () => 0),
      ),
    ).toMatchObject({ kind: "too_deep" });
    expect(
      featureValueFault(
        "json",
        Array.from({ length: 999 }, () => 0),
      ),
    ).toBeUndefined();
  });
});

describe("unknownNames", () => {
  const policy = compileStandardPolicy();
  const steps = [{ atMs: 0, mode: "limited" }];

  it("is empty where the policy knows everything", () => {
    const exception = { floor: "essential", fromMs: 0, untilMs: 1 };
    const deny = ["api.write", "feature:sso"];
    const restrictions = [{ cause: "breach" as const, steps: [{ atMs: 0, mode: "limited", deny }], exception }];
    expect(unknownNames(policy, { plan: "pro", features: { seats: null, theme: "x" }, restrictions })).toEqual([]);
  });

  it.each([
    ["a plan", { plan: "gold" }, ['plan "gold"']],
    ["a feature", { plan: "pro", features: { seat: 4 } }, ['feature "seat"']],
    [
      "an inherited name",
      { plan: "constructor", features: { constructor: 1 } },
      ['plan "constructor"', 'feature "constructor"'],
    ],
    ["a value of another type", { plan: "pro", features: { seats: "many" } }, ['value of feature "seats"']],
    [
      "a mode",
      { plan: "pro", restrictions: [{ cause: "manual", steps: [{ atMs: 0, mode: "slow" }] }] },
      ['mode "slow"'],
    ],
    [
      "a denied capability",
      { plan: "pro", restrictions: [{ cause: "manual", steps: [{ atMs: 0, mode: "full", deny: ["fly"] }] }] },
      ['denied "fly"'],
    ],
    [
      "a denied feature",
      { plan: "pro", restrictions: [{ cause: "manual", steps: [{ atMs: 0, mode: "full", deny: ["feature:fly"] }] }] },
      ['denied "feature:fly"'],
    ],
    [
      "a floor",
      { plan: "pro", restrictions: [{ cause: "manual", steps, exception: { floor: "soft", fromMs: 0, untilMs: 1 } }] },
      ['mode "soft"'],
    ],
  ] as const)("names %s that the policy does not know", (_, terms, expected) => {
    expect(unknownNames(policy, terms)).toEqual(expected);
  });
});
