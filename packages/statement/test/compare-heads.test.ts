import { compareHeads, type HeadPayload } from "@dimmer/statement";
import { describe, expect, it } from "vitest";

const seen: HeadPayload = {
  iss: "https://dimmer.example",
  aud: "test",
  epoch: 2,
  seq: 10,
  index: "index-a",
  policy: "policy-a",
  locks: { epoch: 2, seq: 7, digest: "locks-a" },
  iat: 1_000,
  fresh_until: 1_060,
};
const laterLocks = { epoch: 2, seq: 8, digest: "locks-b" };

describe("a head is held against the newest seen", () => {
  it.each<[string, Partial<HeadPayload>, string]>([
    ["the next version", { seq: 11 }, "newer"],
    [
      "the next version with another index, policy and lock list",
      { seq: 11, index: "b", policy: "b", locks: laterLocks },
      "newer",
    ],
    ["a higher epoch with a lower number", { epoch: 3, seq: 1, locks: { epoch: 3, seq: 1, digest: "b" } }, "newer"],
    ["the same one", {}, "same"],
    ["one that renews the freshness", { iat: 1_005 }, "same"],
    ["the same one, signed before", { iat: 995 }, "same"],
    ["one that lists again under the version held", { index: "index-b", iat: 1_005 }, "list newer"],
    ["one that lists again within the same second", { index: "index-b" }, "list newer"],
    ["one that names an index since overtaken", { index: "index-0", iat: 995 }, "signed before"],
  ])("%s", (_, change, relation) => {
    expect(compareHeads({ ...seen, ...change }, seen)).toBe(relation);
  });

  it.each<[string, Partial<HeadPayload>, string, RegExp]>([
    ["F1 · a lower version", { seq: 9 }, "statement_outdated", /has version 2\.9, but 2\.10 is held/],
    ["F1 · a lower epoch with a higher number", { epoch: 1, seq: 99 }, "statement_outdated", /has version 1\.99/],
    [
      "D3 · an older lock list under a newer version",
      { seq: 11, locks: { epoch: 2, seq: 6, digest: "b" } },
      "statement_outdated",
      /names lock list 2\.6, but 2\.7 is held/,
    ],
    [
      "D3 · another lock list under its version",
      { seq: 11, locks: { epoch: 2, seq: 7, digest: "b" } },
      "feed_refused",
      /another lock list 2\.7/,
    ],
    [
      "a newer lock list under the version held",
      { locks: laterLocks },
      "feed_refused",
      /2\.10, which is held, but names another lock list/,
    ],
    ["another policy under the version held", { policy: "b" }, "feed_refused", /names another policy/],
    [
      "another policy and another index under it",
      { policy: "b", index: "b", iat: 2_000 },
      "feed_refused",
      /names another policy/,
    ],
  ])("refuses %s", (_, change, code, message) => {
    expect(() => compareHeads({ ...seen, ...change }, seen)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
