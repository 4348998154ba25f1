import { compilePolicy, decide, lintPolicy, Profile, reportedCause, standingOf } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { casesOf, loadCorpus, stateOf } from "../../../test/corpus/load-corpus.ts";
import { naiveDecide } from "./naive-decide.ts";

const files = loadCorpus();

describe("the corpus", () => {
  it("holds at least 200 cases, no two of a file with the same title", () => {
    expect(files.flatMap(({ cases }) => cases).length).toBeGreaterThanOrEqual(200);
    for (const { name, cases } of files) {
      expect(new Set(cases.map(({ title }) => title)).size, name).toBe(cases.length);
    }
  });

  it("names policies that lint", () => {
    for (const { policy } of files)
      expect(lintPolicy(policy).filter(({ severity }) => severity === "error")).toEqual([]);
  });

  it("asks about tenants of the feed, or says by the reason that they are not in it", () => {
    for (const { name, cases, entitlements, locks } of files) {
      const known = new Set([...entitlements, ...locks].map(({ tenant }) => tenant));
      for (const { title, tenant, expected } of cases) {
        const isToldUnknown = ["unknown_tenant", "no_data", "unknown_capability"].includes(expected.reason);
        expect(known.has(tenant) || isToldUnknown, `${name}: ${title}`).toBe(true);
      }
    }
  });
});

describe.each(files)("corpus $name", (file) => {
  const policy = compilePolicy(file.policy);
  const profiles = new Map<string, Profile>();

  it.each(file.cases)("D1 · $title", ({ tenant, ask, moment, expected, report }) => {
    const state = stateOf(file, policy, tenant);
    const decision = decide(state, ask, moment);
    expect(decision).toEqual(expected);
    expect(naiveDecide(file.policy, state, ask, moment)).toEqual(expected);
    expect(new Profile(state).answer(ask, moment)).toEqual(expected);
    const reused = profiles.get(tenant) ?? new Profile(state);
    profiles.set(tenant, reused);
    expect(reused.answer(ask, moment)).toEqual(expected);
    if (report === undefined) return;
    const context = { cases: casesOf(file, tenant), principal: ask.principal };
    expect(reportedCause(standingOf(state, moment), decision, context)).toEqual({ cause: decision.cause, ...report });
  });
});
