import { isName, isTenantId } from "@dimmer/core";
import { describe, expect, it } from "vitest";

describe("isTenantId", () => {
  it.each(["a", "0", "_", "__proto__", "acme", "ACME.example:eu-1_b", "a".repeat(128)])("takes %s", (id) => {
    expect(isTenantId(id)).toBe(true);
  });

  it.each(["", ".", "..", "-a", ":a", "a b", " a", "a\n", "\na", "a/b", "a\0", "é", "ａ", "a".repeat(129)])(
    "refuses %j",
    (id) => {
      expect(isTenantId(id)).toBe(false);
    },
  );

  it.each([undefined, null, 7, ["a"], { toString: () => "a" }])("refuses %j, which is no string", (id) => {
    expect(isTenantId(id)).toBe(false);
  });
});

describe("isName", () => {
  it.each(["a", "api.read", "read_only", "x1.y2_z.3", "constructor", "a".repeat(64)])("takes %s", (name) => {
    expect(isName(name)).toBe(true);
  });

  it.each(["", "A", "1a", "_a", "__proto__", ".a", "a.", "a..b", "a-b", "a b", "feature:a", "a\n", "a".repeat(65)])(
    "refuses %j",
    (name) => {
      expect(isName(name)).toBe(false);
    },
  );

  it("answers at once for a long string that almost fits", () => {
    expect(isName(`${"a.".repeat(100_000)}!`)).toBe(false);
  });
});
