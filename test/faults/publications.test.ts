import { expect, it } from "vitest";
import { type Acknowledged, judgePublications, type PublicationRow } from "./publications.ts";
import { seededRandom } from "./random.ts";
import type { Stage } from "./scenario.ts";

const delta = (tenant: string, theme: string): string =>
  `h.${Buffer.from(JSON.stringify({ entitlements: [{ tenant, features: { theme } }] })).toString("base64url")}.s`;
const row = (seq: number, theme: string, base = seq - 1): PublicationRow => ({
  epoch: 1,
  base,
  seq,
  delta: delta("a", theme),
});
const rows = [row(2, "one"), row(3, "two"), row(4, "three")];
const acknowledged: Acknowledged[] = [
  { tenant: "a", theme: "one", version: "1.2" },
  { tenant: "a", theme: "two", version: undefined },
  { tenant: "a", theme: "three", version: "1.4" },
];

function judged(given: readonly PublicationRow[], acks = acknowledged, heard = new Map<number, string>()): string[] {
  const seen: string[] = [];
  const stage: Stage = {
    folder: "",
    isLong: false,
    random: seededRandom(1),
    progress: () => undefined,
    violate: (invariant) => void seen.push(invariant),
    atEnd: () => undefined,
  };
  judgePublications(stage, given, { acknowledged: acks, heard });
  return seen;
}

it("finds nothing where every version and every acknowledged write is there", () => {
  expect(judged(rows, acknowledged, new Map([[3, delta("a", "two")]]))).toEqual([]);
});

it("finds a version that is missing or stands on another than the one before it", () => {
  expect(judged([row(2, "one"), row(4, "three")], [])).toEqual(["F1"]);
  expect(judged([row(2, "one"), row(3, "two", 1)], [])).toEqual(["F1"]);
});

it("finds a version that was streamed and is lost, or has another content now", () => {
  expect(judged(rows, [], new Map([[5, delta("a", "four")]]))).toEqual(["F1"]);
  expect(judged(rows, [], new Map([[3, delta("a", "other")]]))).toEqual(["F1"]);
});

it("finds a write that was acknowledged and is lost, or is not in the version that was named", () => {
  expect(judged(rows.slice(0, 2))).toEqual(["F5"]);
  expect(judged(rows, [{ tenant: "a", theme: "three", version: "1.3" }])).toEqual(["F5"]);
});
