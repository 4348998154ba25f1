import { compilePolicy, standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { changesBetween, type TenantChange } from "../../src/tenants/file-changes.ts";
import { readFileTenants } from "../../src/tenants/file-tenants.ts";

const NOW_MS = Date.UTC(2026, 11, 9);
const NOW_S = NOW_MS / 1_000;
const policy = compilePolicy(standardPolicy);
const read = (text: string, nowMs = NOW_MS) => readFileTenants(text, "t.yaml", { nowMs, policy });

const owing = `
- tenant: a
  plan: pro
  restrictions:
    - { cause: nonpayment, case: c1, steps: [{ at: now-1d, mode: limited }] }
`;

/** What a change says, without what it leaves alone. */
function said(change: TenantChange): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(change).filter(([, value]) => value !== undefined && value !== false && String(value) !== ""),
  );
}

describe("what changed in a tenants file", () => {
  it("is all of it where there was none", async () => {
    const [change] = changesBetween(new Map(), await read(owing));
    expect(said(change as TenantChange)).toEqual({
      tenant: "a",
      terms: { plan: "pro", features: {} },
      restrictions: [{ cause: "nonpayment", case: "c1", steps: [{ at: NOW_S - 86_400, mode: "limited" }] }],
    });
  });

  it("is nothing where the same is written, though now is another instant", async () => {
    expect(changesBetween(await read(owing), await read(owing, NOW_MS + 3_600_000))).toEqual([]);
    expect(changesBetween(await read(owing), await read(`# a comment\n${owing.replace("pro", "pro # sic")}`))).toEqual(
      [],
    );
  });

  it.each([
    ["the plan alone", owing.replace("pro", "starter"), { terms: { plan: "starter", features: {} } }],
    [
      "an override alone",
      owing.replace("plan: pro", "plan: pro\n  features: { seats: 9 }"),
      { terms: { plan: "pro", features: { seats: 9 } } },
    ],
    [
      "a step alone",
      owing.replace("limited", "grace"),
      { restrictions: [{ cause: "nonpayment", case: "c1", steps: [{ at: NOW_S - 86_400, mode: "grace" }] }] },
    ],
    ["the end of a case alone", "- { tenant: a, plan: pro }", { ended: ["c1"] }],
    [
      "a lock alone",
      `${owing}  lock: { cause: security, case: I1, since: now, allow: [] }`,
      { lock: { tenant: "a", cause: "security", case: "I1", since: NOW_S, allow: [] } },
    ],
    ["a tenant that is gone, whose cases end with it", "- { tenant: b, plan: pro }", { isRemoved: true }],
    ["a tombstone", "- { tenant: a, gone: now }", { isRemoved: true }],
  ])("is %s", async (_, text, expected) => {
    const changes = changesBetween(await read(owing), await read(text));
    const change = changes.find(({ tenant }) => tenant === "a") as TenantChange;
    expect(said(change)).toEqual({ tenant: "a", ...expected });
  });

  it("lifts a lock that the file no longer has, and puts one of another case before it", async () => {
    const locked = (id: string): string =>
      `- { tenant: a, lock: { cause: security, case: ${id}, since: now, allow: [] } }`;
    const [lifted] = changesBetween(await read(locked("I1")), await read("- { tenant: b, plan: pro }")).filter(
      ({ tenant }) => tenant === "a",
    );
    expect(said(lifted as TenantChange)).toEqual({ tenant: "a", lifted: "I1" });
    const [moved] = changesBetween(await read(locked("I1")), await read(locked("I2")));
    expect(moved).toMatchObject({ lock: { case: "I2" }, lifted: "I1" });
  });

  it("is found in NDJSON alike", async () => {
    const lines = '{"tenant":"a","plan":"pro"}\n{"tenant":"b","plan":"pro"}\n';
    const before = await readFileTenants(lines, "t.ndjson", { nowMs: NOW_MS, policy });
    const after = await readFileTenants(lines.replace("pro", "starter"), "t.ndjson", { nowMs: NOW_MS, policy });
    expect(changesBetween(before, after).map(said)).toEqual([
      { tenant: "a", terms: { plan: "starter", features: {} } },
    ]);
  });
});
