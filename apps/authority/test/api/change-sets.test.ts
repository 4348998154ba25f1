import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Answer, type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
let asker: string;
let approver: string;
beforeEach(async () => {
  authority = await runAuthority({ listEveryMs: 0 });
  asker = await authority.keyWith("collections");
  approver = await authority.keyWith("collections");
  const rows = Array.from({ length: 60 }, (_, i) => JSON.stringify({ id: `t${i}`, name: `t${i}`, plan: "pro" }));
  await authority.ask("POST", "/v1/imports/tenants", {
    body: rows.join("\n"),
    headers: { "content-type": "application/x-ndjson" },
  });
  await vi.waitUntil(async () => (await lines()).size === 60);
});
afterEach(() => authority.stop());

const lines = async (): Promise<Map<string, string>> =>
  new Map(
    (await authority.store.db.selectFrom("entitlement").selectAll().execute()).map(({ tenant_id, line }) => [
      tenant_id,
      line,
    ]),
  );
const restrict = (i: number): Promise<Answer> =>
  authority.ask("PUT", `/v1/tenants/t${i}/restrictions/case-${i}`, {
    key: asker,
    body: { cause: "nonpayment", steps: [{ at: 1, mode: "limited" }] },
  });
const limited = async (): Promise<number> =>
  [...(await lines()).values()].filter((line) => line.includes("limited")).length;

/** Restricts 30 tenants: 19 pass, 11 are held. */
async function holdEleven(): Promise<{ id: string; held: Answer[] }> {
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => restrict(i)));
  const held = answers.filter(({ status }) => status === 202);
  expect(held).toHaveLength(11);
  expect(await limited()).toBe(19);
  return { id: held[0]?.json()["changeSet"] as string, held };
}

describe("a change set", () => {
  it("L6 · is signed when somebody else approves it by its count", async () => {
    const { id } = await holdEleven();
    const set = await authority.ask("GET", `/v1/change-sets/${id}`);
    expect(set.json()).toMatchObject({ state: "waiting", kind: "entitlement", narrowed: 11 });
    expect(set.json()["tenants"]).toHaveLength(11);
    const approve = (key: string, narrowed: unknown): Promise<Answer> =>
      authority.ask("POST", `/v1/change-sets/${id}/approve`, { key, body: { narrowed } });
    expect((await approve(asker, 11)).status).toBe(403);
    expect((await approve(authority.admin, 11)).status).toBe(403);
    expect((await approve(approver, 10)).json()).toMatchObject({ status: 409, field: "narrowed" });
    expect((await approve(approver, "eleven")).json()).toMatchObject({ status: 400, field: "narrowed" });
    const approved = await approve(approver, 11);
    expect(approved.json(), approved.text).toMatchObject({ state: "approved", version: expect.any(String) as unknown });
    await expect.poll(limited).toBe(30);
    expect((await authority.ask("GET", "/v1/change-sets?state=waiting")).json()["items"]).toEqual([]);
  });

  it("counts a tenant once, however often it was changed", async () => {
    const { id, held } = await holdEleven();
    const tenant = held[0]?.json()["tenant"] as string;
    const body = { name: tenant, plan: "starter" };
    expect((await authority.ask("PUT", `/v1/tenants/${tenant}`, { body })).json()).toMatchObject({
      version: null,
      changeSet: id,
    });
    const set = (await authority.ask("GET", `/v1/change-sets/${id}`)).json();
    expect(set["narrowed"]).toBe(11);
    expect(set["requestedByAll"]).toHaveLength(2);
  });

  it("that is rejected leaves its tenants as they are published, also when they change later", async () => {
    const { id, held } = await holdEleven();
    const before = await lines();
    const rejected = await authority.ask("POST", `/v1/change-sets/${id}/reject`, { key: approver });
    expect(rejected.json(), rejected.text).toMatchObject({ state: "rejected" });
    expect(await lines()).toEqual(before);
    const tenant = held[0]?.json()["tenant"] as string;
    expect((await authority.ask("GET", `/v1/tenants/${tenant}`)).json()["restrictions"]).toEqual([]);
    await authority.ask("PUT", `/v1/tenants/${tenant}`, { body: { name: tenant, plan: "enterprise" } });
    expect((await lines()).get(tenant)).toBe(`{"tenant":"${tenant}","plan":"enterprise"}`);
    const ledger = (await authority.ask("GET", `/v1/ledger?subject=tenant:${tenant}`)).json()["items"] as {
      action: string;
    }[];
    expect(ledger.map(({ action }) => action)).toContain("tenant.revert");
  });

  it("does not hold up what widens", async () => {
    await holdEleven();
    const passed = [...(await lines())].find(([, line]) => line.includes("limited"))?.[0] as string;
    const cleared = await authority.ask("DELETE", `/v1/tenants/${passed}/restrictions/case-${passed.slice(1)}`, {
      key: asker,
    });
    expect(cleared.json()["version"]).toMatch(/^1\./);
    expect(await limited()).toBe(18);
  });

  it("tells of a change that waits under its pending id", async () => {
    const { id, held } = await holdEleven();
    const pending = String(held[0]?.json()["pending"]);
    expect((await authority.ask("GET", `/v1/pending/${pending}`)).json()).toMatchObject({
      state: "held",
      changeSet: id,
    });
    await authority.ask("POST", `/v1/change-sets/${id}/approve`, { key: approver, body: { narrowed: 11 } });
    await expect
      .poll(async () => (await authority.ask("GET", `/v1/pending/${pending}`)).json()["state"])
      .toBe("published");
    expect((await authority.ask("GET", "/v1/pending/999999")).status).toBe(404);
  });
});
