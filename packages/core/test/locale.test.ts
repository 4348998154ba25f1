import { chooseLocale } from "@dimmer/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("chooseLocale", () => {
  it.each([
    [undefined, "en"],
    ["", "en"],
    ["*", "en"],
    ["ja", "ja"],
    ["JA", "ja"],
    ["ja-JP", "ja"],
    ["ja-JP,ja;q=0.9,en;q=0.8", "ja"],
    ["en;q=0.5,ja;q=0.9", "ja"],
    ["en, ja", "en"],
    ["ja, en", "ja"],
    ["fr, ja;q=0.1", "ja"],
    ["fr", "en"],
    ["fr, *;q=0.5", "en"],
    ["ja;q=0", "en"],
    ["ja;q=0, en;q=0", "en"],
    ["pt", "pt-BR"],
    ["pt-PT", "pt-BR"],
    ["pt-br", "pt-BR"],
    ["ja;q=2", "en"],
    ["ja;q=abc", "en"],
    ["ja ; q=0.8 , en ; q=0.2", "ja"],
    [";;;,,,q=1", "en"],
    [`${"x,".repeat(600)}ja`, "en"],
  ])("chooses for %j: %s", (header, expected) => {
    expect(chooseLocale(header, ["en", "ja", "pt-BR"])).toBe(expected);
  });

  it("takes the first where nothing is wanted", () => {
    expect(chooseLocale(undefined, ["ja", "en"])).toBe("ja");
  });

  it("chooses one of those available for any header", () => {
    const available = ["en", "ja"];
    fc.assert(fc.property(fc.string(), (header) => available.includes(chooseLocale(header, available))));
  });
});
