import type { FeatureDecision } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { valueOrElse } from "../../src/connect/value.ts";

const granted: FeatureDecision = {
  allowed: true,
  capability: "feature:x",
  mode: "full",
  reason: "granted",
  freshness: "fresh",
  feature: "x",
};
const with_ = (more: Partial<FeatureDecision>): FeatureDecision => ({ ...granted, ...more });
const locked = { allowed: false, reason: "locked", mode: "locked" } as const;

describe("valueOrElse", () => {
  it("gives the value where the feature is on", () => {
    expect(valueOrElse(with_({ value: "dark" }), "plain")).toBe("dark");
    expect(valueOrElse(with_({ value: 25, limit: 25 }), 5)).toBe(25);
    expect(valueOrElse(with_({ value: true }), false)).toBe(true);
    expect(valueOrElse(with_({ value: { a: 1 } }), {})).toEqual({ a: 1 });
    expect(valueOrElse(with_({ value: [1] }), [])).toEqual([1]);
  });

  it("gives what to use otherwise where the feature is off, unknown or denied", () => {
    const off = { allowed: false, reason: "feature_not_in_plan" } as const;
    expect(valueOrElse(with_(off), "plain")).toBe("plain");
    expect(valueOrElse(with_({ ...off, value: null }), "plain")).toBe("plain");
    expect(valueOrElse(with_({ ...locked, value: "dark" }), "plain")).toBe("plain");
    expect(valueOrElse(with_({ allowed: false, reason: "restricted", value: 25, limit: 25 }), 0)).toBe(0);
  });

  it("gives what to use otherwise where nothing is known", () => {
    expect(valueOrElse(with_({ reason: "no_data", freshness: "fallback" }), true)).toBe(true);
    expect(valueOrElse(with_({ allowed: false, reason: "no_data", freshness: "fallback" }), true)).toBe(true);
  });

  it("gives what to use otherwise where the value is of another type", () => {
    expect(valueOrElse(with_({ value: "dark" }), 5)).toBe(5);
    expect(valueOrElse(with_({ value: 25 }), "plain")).toBe("plain");
    expect(valueOrElse(with_({ value: [1] }), { a: 1 })).toEqual({ a: 1 });
  });

  it("gives Infinity for an unlimited limit, which compares as people mean it", () => {
    expect(valueOrElse(with_({ value: null, limit: null }), 5)).toBe(Number.POSITIVE_INFINITY);
  });

  it("never turns a boolean that is off or denied into true", () => {
    expect(valueOrElse(with_({ allowed: false, reason: "feature_not_in_plan", value: false }), true)).toBe(false);
    expect(valueOrElse(with_({ ...locked, value: true }), true)).toBe(false);
    expect(valueOrElse(with_({ ...locked }), true)).toBe(false);
  });
});
