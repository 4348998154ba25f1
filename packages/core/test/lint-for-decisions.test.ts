import { lintForDecisions, lintPolicy, standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";

const codesOf = (findings: readonly { readonly code: string; readonly place: string }[]): string[] =>
  findings.map(({ code, place }) => `${code} ${place}`);

describe("what a small client lints of a policy", () => {
  it("finds nothing in the standard policy", () => {
    expect(lintForDecisions(standardPolicy)).toEqual([]);
  });

  it.each([
    ["no document", undefined],
    ["a mode that admits who is not", { ...standardPolicy, modes: [{ name: "full", admits: { view: ["ghost"] } }] }],
    ["a zone that is none", { ...standardPolicy, zone: "Atlantis/Capital" }],
    ["a feature that needs what is not", { ...standardPolicy, features: { seats: { type: "limit", needs: ["fly"] } } }],
    ["no texts", { ...standardPolicy, texts: "none" }],
    ["a fallback that is none", { ...standardPolicy, fallback: { no_data: { "*": "perhaps" } } }],
  ])("finds what the whole finds of %s, first and alike", (_name, document) => {
    const whole = codesOf(lintPolicy(document));
    const small = codesOf(lintForDecisions(document));
    expect(small.length).toBeGreaterThan(0);
    expect(whole).toEqual(expect.arrayContaining(small));
  });

  it("does not look at what only schedules", () => {
    const document = { ...standardPolicy, tracks: "none" };
    expect(lintPolicy(document)).not.toEqual([]);
    expect(lintForDecisions(document)).toEqual([]);
  });
});
