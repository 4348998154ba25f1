import { expect, it } from "vitest";
import { Oracle } from "./oracle.ts";
import type { SignedRow } from "./signed-history.ts";

const token = (payload: object): string => `h.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.s`;

/** A publication in which a tenant is in a mode, with a list of locks where one is given. */
function row(seq: number, tenant: string, mode: string, locked?: readonly string[]): SignedRow {
  const restrictions = mode === "full" ? undefined : [{ cause: "nonpayment", case: "c", steps: [{ at: 1, mode }] }];
  const locks = locked === undefined ? null : token({ locks: locked.map((name) => ({ tenant: name })) });
  return { epoch: 1, base: seq - 1, seq, delta: token({ entitlements: [{ tenant, restrictions }] }), locks };
}

function oracleOf(...rows: readonly SignedRow[]): { oracle: Oracle; violated: string[] } {
  const violated: string[] = [];
  const oracle = new Oracle(1, (invariant) => violated.push(invariant));
  oracle.stored(rows);
  return { oracle, violated };
}

const check = { sidecar: 0, door: "check", tenant: "t0" } as const;

it("F3 · sees that somebody was let through by a version in which it is restricted", () => {
  const { oracle, violated } = oracleOf(row(2, "t0", "limited"));
  oracle.answered({ ...check, capability: "create", allowed: true, least: "1.2", most: "1.2" });
  oracle.finish();
  expect(violated).toEqual(["F3"]);
});

it("F6 · sees that somebody was denied what its mode opens", () => {
  const { oracle, violated } = oracleOf(row(2, "t0", "limited"), row(3, "t0", "full"));
  oracle.answered({ ...check, capability: "create", allowed: false, least: "1.3", most: "1.3" });
  oracle.finish();
  expect(violated).toEqual(["F6"]);
});

it("takes an answer by any version up to the next that its sidecar names: it may be putting that in force", () => {
  const { oracle, violated } = oracleOf(row(2, "t0", "full"), row(3, "t0", "limited"), row(4, "t0", "full"));
  oracle.versionOf(0, "1.2", 0);
  oracle.answered({ ...check, capability: "create", allowed: false, least: "1.2", most: "1.2" });
  oracle.stored([]);
  expect(oracle.judgedByDoor).toEqual({});
  oracle.versionOf(0, "1.4", 0);
  oracle.stored([]);
  expect(oracle.judgedByDoor).toEqual({ check: 1 });
  expect(violated).toEqual([]);
});

it("F6 · takes no answer by a version after the next that its sidecar names", () => {
  const { oracle, violated } = oracleOf(row(2, "t0", "full"), row(3, "t1", "full"), row(4, "t0", "limited"));
  for (const version of ["1.2", "1.3", "1.4"]) oracle.versionOf(0, version, 0);
  oracle.answered({ ...check, sidecar: 1, capability: "create", allowed: false, least: "1.2", most: "1.2" });
  oracle.versionOf(1, "1.3", 0);
  oracle.versionOf(1, "1.4", 0);
  oracle.stored([]);
  expect(violated).toEqual(["F6"]);
});

it("D2 · takes a lock by the next list that its sidecar names, and by none after it", () => {
  const { oracle, violated } = oracleOf(
    row(2, "t0", "full", []),
    row(3, "t0", "full", ["t1"]),
    row(4, "t0", "full", ["t1", "t2"]),
  );
  for (const [tenant, isLocked, version] of [
    ["t1", true, "1.2"],
    ["t2", true, "1.2"],
    ["t1", true, "1.3"],
    ["t2", true, "1.4"],
  ] as const) {
    oracle.answeredLock({ sidecar: 0, tenant, isLocked, least: version, most: version });
  }
  oracle.finish();
  expect(violated).toEqual(["D2"]);
});

it("takes either answer of a door that tells no version, where the mode changed meanwhile", () => {
  const { oracle, violated } = oracleOf(row(2, "t0", "limited"), row(3, "t0", "full"));
  for (const allowed of [true, false]) {
    oracle.answered({ ...check, capability: "create", allowed, least: "1.2", most: "1.3" });
  }
  oracle.finish();
  expect(violated).toEqual([]);
  expect(oracle.judgedByDoor).toEqual({ check: 2 });
});

it("holds an answer until its version is known, and finds it wrong then", () => {
  const { oracle, violated } = oracleOf();
  oracle.answered({ ...check, capability: "view", allowed: false, least: "1.2", most: "1.2" });
  expect(violated).toEqual([]);
  oracle.versionOf(0, "1.3", 0);
  oracle.streamed([row(2, "t0", "limited")]);
  expect(violated).toEqual([]);
  oracle.streamed([row(3, "t1", "limited")]);
  expect(violated).toEqual(["F6"]);
});

it("F1 · sees an answer by a version that was never signed", () => {
  const { oracle, violated } = oracleOf(row(2, "t0", "full"));
  oracle.answered({ ...check, capability: "view", allowed: true, least: "1.9", most: "1.9" });
  oracle.finish();
  expect(violated).toEqual(["F1"]);
});

it("F1 · sees a sidecar go back to an older version", () => {
  const { oracle, violated } = oracleOf();
  oracle.versionOf(0, "1.5", 0);
  oracle.versionOf(0, "1.4", 0);
  expect(violated).toEqual(["F1"]);
});

it("F1 · sees that another content was streamed than stands in the store, and a version that is missing there", () => {
  const { oracle, violated } = oracleOf();
  oracle.streamed([row(2, "t0", "limited"), row(3, "t0", "full")]);
  oracle.stored([row(2, "t0", "full")]);
  expect(violated).toEqual(["F1", "F1"]);
});

it("F5 · sees an acknowledged write that its version does not carry", () => {
  const { oracle, violated } = oracleOf();
  oracle.acknowledged({ tenant: "t0", mode: "limited", version: "1.2" }, 0);
  oracle.stored([row(2, "t1", "limited")]);
  expect(violated).toEqual(["F5"]);
});

it("F5 · sees an acknowledged write that was never published", () => {
  const { oracle, violated } = oracleOf();
  oracle.acknowledged({ tenant: "t0", mode: "limited", version: undefined }, 0);
  oracle.stored([row(2, "t1", "limited")]);
  oracle.finish();
  expect(violated).toEqual(["F5"]);
});

it("D2 · sees a locked tenant let in, and one locked by no list", () => {
  const { oracle, violated } = oracleOf(row(2, "t9", "full", ["t0"]));
  for (const [tenant, isLocked] of [
    ["t0", true],
    ["t0", false],
    ["t1", true],
  ] as const) {
    oracle.answeredLock({ sidecar: 0, tenant, isLocked, least: "1.2", most: "1.2" });
  }
  oracle.finish();
  expect(violated).toEqual(["D2", "D2"]);
});

it("D3 · sees a sidecar go back to an older list of locks", () => {
  const { oracle, violated } = oracleOf(row(2, "t0", "full", ["t0"]), row(3, "t0", "full", []));
  oracle.answeredLock({ sidecar: 0, tenant: "t0", isLocked: false, least: "1.3", most: "1.3" });
  oracle.answeredLock({ sidecar: 0, tenant: "t0", isLocked: true, least: "1.2", most: "1.3" });
  expect(violated).toEqual(["D3"]);
});

it("tells how long a write took to each sidecar", () => {
  const { oracle } = oracleOf();
  oracle.acknowledged({ tenant: "t0", mode: "full", version: "1.4" }, 100);
  oracle.versionOf(0, "1.3", 110);
  oracle.versionOf(0, "1.5", 130);
  expect(oracle.followed).toEqual([{ sidecar: 0, ms: 30 }]);
});
