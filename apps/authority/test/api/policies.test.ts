import { standardPolicy } from "@dimmer/core/standard-policy";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
beforeAll(async () => {
  authority = await runAuthority();
  const rows = Array.from({ length: 40 }, (_, i) => JSON.stringify({ id: `t${i}`, name: `t${i}`, plan: "pro" }));
  const imported = await authority.ask("POST", "/v1/imports/tenants", {
    body: rows.join("\n"),
    headers: { "content-type": "application/x-ndjson" },
  });
  expect(imported.json()).toMatchObject({ created: 40 });
  await vi.waitUntil(
    async () => (await authority.store.db.selectFrom("entitlement").selectAll().execute()).length === 40,
  );
});
afterAll(() => authority.stop());

const upload = (document: unknown, key?: string): ReturnType<RunningAuthority["ask"]> =>
  authority.ask("POST", "/v1/policies", { body: { document }, key });
const versionOf = (version: string, change: object = {}): Record<string, unknown> => ({
  ...structuredClone(standardPolicy),
  version,
  ...change,
});

describe("a policy", () => {
  it("is uploaded as a draft, looked at, and brought into force", async () => {
    const uploaded = await upload(versionOf("2"));
    expect(uploaded.status, uploaded.text).toBe(201);
    const { id } = uploaded.json() as { id: string };
    expect(uploaded.json()).toMatchObject({ state: "draft", version: "2" });
    expect((await authority.ask("GET", `/v1/policies/${id}`)).json()).toMatchObject({ document: { version: "2" } });
    const preview = await authority.ask("GET", `/v1/policies/${id}/preview`);
    expect(preview.json()).toMatchObject({ tenants: 40, narrowed: 0, quarantined: 0, needsSecondPerson: false });
    const active = await authority.ask("POST", `/v1/policies/${id}/activate`, { body: {} });
    expect(active.json()).toMatchObject({ state: "active", version: expect.stringMatching(/^1\.\d+$/) as unknown });
    expect((await authority.ask("POST", `/v1/policies/${id}/activate`, { body: {} })).status).toBe(409);
    const states = (await authority.ask("GET", "/v1/policies")).json()["items"] as { state: string }[];
    expect(states.map(({ state }) => state).sort()).toEqual(["active", "retired"]);
  });

  it("with errors is not kept, and every finding is listed", async () => {
    const refused = await upload({ ...versionOf("3"), modes: [] });
    expect(refused.json()).toMatchObject({ status: 400, findings: expect.any(Array) as unknown });
    expect(refused.json()["field"]).toMatch(/^document/);
    for (const document of [{}, { modes: null }, 7, null]) expect((await upload(document)).status).toBe(400);
  });

  it("that lints and cannot be signed is not kept: too large, or too deep", async () => {
    let deep: unknown = "end";
    for (let i = 0; i < 40; i += 1) deep = [deep];
    for (const notes of ["n".repeat(900_000), deep]) {
      const refused = await upload(versionOf("5", { notes }));
      expect(refused.json()).toMatchObject({ status: 400, field: expect.stringMatching(/^document/) as unknown });
    }
  });

  it("L6 · that takes something from many is activated by somebody else, who names the count", async () => {
    const plans = structuredClone(standardPolicy.plans) as Record<string, { features: Record<string, unknown> }>;
    (plans["pro"] as { features: Record<string, unknown> }).features["sso"] = false;
    const { id } = (await upload(versionOf("4", { plans }))).json() as { id: string };
    const preview = (await authority.ask("GET", `/v1/policies/${id}/preview`)).json();
    expect(preview).toMatchObject({ narrowed: 40, needsSecondPerson: true });
    const activate = (key: string, body: object): ReturnType<RunningAuthority["ask"]> =>
      authority.ask("POST", `/v1/policies/${id}/activate`, { key, body });
    expect((await activate(authority.admin, { narrowed: 40 })).status).toBe(403);
    const other = await authority.keyWith("admin");
    expect((await activate(other, {})).json()).toMatchObject({ status: 409, field: "narrowed" });
    expect((await activate(other, { narrowed: 39 })).status).toBe(409);
    expect((await activate(other, { narrowed: 40 })).status).toBe(200);
  });

  it("tells of tenants whose plan it does not know", async () => {
    const { pro: _, ...plans } = structuredClone(standardPolicy.plans) as Record<string, unknown>;
    const uploaded = await upload(versionOf("5", { plans }));
    if (uploaded.status === 400) {
      expect(uploaded.json()["findings"]).not.toEqual([]);
      return;
    }
    const { id } = uploaded.json() as { id: string };
    expect((await authority.ask("GET", `/v1/policies/${id}/preview`)).json()).toMatchObject({ quarantined: 40 });
  });

  it("is answered 404 where there is none", async () => {
    const id = "policy_00000000-0000-4000-8000-000000000000";
    for (const path of [`/v1/policies/${id}`, `/v1/policies/${id}/preview`]) {
      expect((await authority.ask("GET", path)).status).toBe(404);
    }
    expect((await authority.ask("POST", `/v1/policies/${id}/activate`, { body: {} })).status).toBe(404);
  });
});
