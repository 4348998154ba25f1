import { compilePolicy, standardPolicy } from "@dimmer/core";
import { beforeAll, describe, expect, it } from "vitest";
import { findTenant } from "../../src/authority/facts.ts";
import { type Applied, applyChanges } from "../../src/tenants/apply-changes.ts";
import { changesBetween } from "../../src/tenants/file-changes.ts";
import { readFileTenants } from "../../src/tenants/file-tenants.ts";
import { runAuthority, type TestAuthority } from "../authority/running-authority.ts";

let authority: TestAuthority;
beforeAll(async () => {
  authority = await runAuthority();
});

const NONE = { created: 0, changed: 0, removed: 0, restricted: 0, cleared: 0, locked: 0, lifted: 0 };

/** Brings the authority from one text of a tenants file to the next. */
async function apply(before: string, after: string, isDryRun = false): Promise<Applied> {
  const read = (text: string) =>
    readFileTenants(text, "t.yaml", { nowMs: Date.now(), policy: compilePolicy(standardPolicy) });
  const changes = changesBetween(before === "" ? new Map() : await read(before), await read(after));
  return await applyChanges({ client: authority.client, changes, reason: "a test", isDryRun });
}

const restricted = (tenant: string, caseId: string, mode = "limited"): string =>
  `- { tenant: ${tenant}, plan: pro, restrictions: [{ cause: nonpayment, case: ${caseId}, steps: [{ at: 2026-01-05T09:00:00+09:00, mode: ${mode} }] }] }\n`;
const free = (tenant: string): string => `- { tenant: ${tenant}, plan: pro }\n`;
const locked = (tenant: string, allow: string): string =>
  `- { tenant: ${tenant}, plan: pro, lock: { cause: security, case: I1, since: now, allow: [${allow}] } }\n`;
const casesOf = async (tenant: string): Promise<string[] | undefined> =>
  (await findTenant(authority.client, tenant))?.restrictions.map((restriction) => restriction.case);
const locksOf = async (tenant: string): Promise<unknown> =>
  (await findTenant(authority.client, tenant))?.locks.map((lock) => [lock.case, lock.allow]);

describe("a tenants file at an authority", () => {
  it("makes tenants with restrictions, exceptions and locks, and changes nothing the second time", async () => {
    const text = `${restricted("a1", "a1c")}- tenant: a2
  plan: enterprise
  features: { seats: 7 }
  restrictions:
    - cause: nonpayment
      case: a2c
      steps: [{ at: 2026-01-05T09:00:00+09:00, mode: limited, deny: [job] }]
      exception: { floor: essential, from: 2026-01-05T09:00:00+09:00, until: 2099-01-05T09:00:00+09:00 }
  lock: { cause: security, case: a2l, since: now, allow: [export] }
`;
    expect((await apply("", text, true)).counts).toEqual({ ...NONE, created: 2, restricted: 2, locked: 1 });
    expect(await findTenant(authority.client, "a1")).toBeUndefined();
    const done = await apply("", text);
    expect(done).toMatchObject({ counts: { ...NONE, created: 2, restricted: 2, locked: 1 }, faults: [] });
    expect(done.writes.every(({ version }) => version !== undefined)).toBe(true);
    expect(await findTenant(authority.client, "a2")).toMatchObject({
      plan: "enterprise",
      features: { seats: 7 },
      restrictions: [{ case: "a2c", steps: [{ mode: "limited", deny: ["job"] }], exception: { floor: "essential" } }],
      locks: [{ case: "a2l", allow: ["export"] }],
    });
    expect(await apply("", text)).toMatchObject({ counts: NONE, writes: [], faults: [] });
  });

  it("keeps what else is known of a tenant whose plan it changes", async () => {
    const body = { name: "B K.K.", plan: "pro", zone: "Asia/Tokyo", contacts: [{ name: "Sato" }] };
    await authority.client.write("PUT", "/v1/tenants/b1", { reason: "a test", body });
    await apply(free("b1"), free("b1").replace("pro", "starter"));
    expect(await findTenant(authority.client, "b1")).toMatchObject({ ...body, plan: "starter" });
  });

  it("gives a case that was closed, or is another tenant's, the next free name", async () => {
    await apply("", restricted("c1", "shared"));
    await apply(restricted("c1", "shared"), free("c1"));
    expect(await casesOf("c1")).toEqual([]);
    await apply(free("c1"), restricted("c1", "shared"));
    expect(await casesOf("c1")).toEqual(["shared.2"]);
    await apply("", restricted("c2", "shared"));
    expect(await casesOf("c2")).toEqual(["shared.3"]);
    await apply(restricted("c2", "shared"), restricted("c2", "shared", "read_only"));
    expect(await casesOf("c2")).toEqual(["shared.3"]);
    await apply(restricted("c2", "shared"), free("c2"));
    expect(await casesOf("c2")).toEqual([]);
  });

  it("never has a tenant without a lock while the terms of it change", async () => {
    await apply("", locked("d1", ""));
    await apply(locked("d1", ""), locked("d1", "export"));
    expect(await locksOf("d1")).toEqual([["I1.2", ["export"]]]);
    const ledger = await Array.fromAsync(authority.client.items("/v1/ledger?subject=tenant:d1"));
    expect(ledger.map(({ action }) => action)).toEqual(["tenant.put", "lock.put", "lock.put", "lock.lift"]);
    await apply(locked("d1", "export"), free("d1"));
    expect(await locksOf("d1")).toEqual([]);
  });

  it("removes who is no longer named, and takes back who is named again", async () => {
    const both = `${restricted("e1", "e1c")}${free("e2")}`;
    await apply("", both);
    expect((await apply(both, free("e2"))).counts).toEqual({ ...NONE, removed: 1 });
    expect(await findTenant(authority.client, "e1")).toBeUndefined();
    expect((await apply(free("e2"), both)).faults).toEqual([]);
    expect(await casesOf("e1")).toEqual(["e1c.2"]);
  });

  it("imports many at once, and waits until the last of them is published", async () => {
    const many = Array.from({ length: 30 }, (_, i) => (i % 10 === 0 ? restricted(`g${i}`, `g${i}c`) : free(`g${i}`)));
    const done = await apply("", many.join(""));
    expect(done).toMatchObject({ counts: { ...NONE, created: 30, restricted: 3 }, faults: [] });
    expect(done.writes).toHaveLength(4);
    const ledger = await Array.fromAsync(authority.client.items("/v1/ledger?subject=tenant:g29"));
    expect(ledger.map(({ action }) => action)).toEqual(["tenant.import"]);
    expect(await casesOf("g20")).toEqual(["g20c"]);
    expect((await apply("", many.join(""))).counts).toEqual(NONE);
  });

  it("names the tenant that the authority refuses something of, and applies the others", async () => {
    const breach = restricted("f1", "f1c")
      .replace("nonpayment", "breach")
      .replace("}] }] }", "}], exception: { floor: essential, from: now, until: now+1d } }] }");
    const done = await apply("", `${breach}${restricted("f2", "f2c")}`);
    expect(done.faults).toEqual(['tenant "f1": exception: is granted under nonpayment only, and the cause is breach']);
    expect(await casesOf("f2")).toEqual(["f2c"]);
  });
});
