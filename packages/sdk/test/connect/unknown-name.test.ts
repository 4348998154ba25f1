import { describe, expect, it } from "vitest";
import { nearestName, unknownName } from "../../src/connect/unknown-name.ts";

const known = ["feed", "trust", "waitMs", "strictPaths", "routes"];

describe("the name nearest to a misspelt one", () => {
  it.each([
    ["trst", "trust"],
    ["strictPath", "strictPaths"],
    ["rotes", "routes"],
    ["waitms", "waitMs"],
    ["WAITMS", "waitMs"],
    ["tursts", undefined],
    ["proxy", undefined],
    ["", undefined],
    ["a".repeat(100_000), undefined],
  ])("of %s is %s", (name, nearest) => {
    expect(nearestName(name, known)).toBe(nearest);
  });

  it("is left out where none is near", () => {
    expect(unknownName("connect: proxy", "option", "proxy", ["feed", "trust"]).message).toBe(
      "connect: proxy is no option: known are feed, trust",
    );
  });
});
