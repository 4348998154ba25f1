import { compileStandardPolicy } from "@dimmer/core";
import { createTokenVerifier, verifyKeysetChain } from "@dimmer/statement";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import { payloadOf } from "../support/watch-stream.ts";

let authority: RunningAuthority;
let fleet: string;
let aheadMs = 0;
beforeAll(async () => {
  authority = await runAuthority({ now: () => Date.now() + aheadMs });
  fleet = await authority.fleetSecret();
  await authority.ask("PUT", "/v1/tenants/acme", { body: { name: "ACME", plan: "pro" } });
});
afterAll(() => authority.stop());

const get = (path: string, key = fleet): ReturnType<RunningAuthority["ask"]> =>
  authority.ask("GET", `/v1/entitlements/${path}`, { key });
const head = async (): Promise<Record<string, unknown>> =>
  payloadOf((await authority.ask("GET", "/v1/feed/head", { key: fleet })).text);

describe("the door of entitlement tokens", () => {
  it("gives a token of five minutes of what is published, which verifies and answers", async () => {
    const answer = await get("acme");
    expect([answer.status, answer.headers.get("content-type"), answer.headers.get("cache-control")]).toEqual([
      200,
      "application/jwt",
      "no-store",
    ]);
    const { epoch, seq, policy } = await head();
    const payload = payloadOf(answer.text);
    expect(payload).toMatchObject({ sub: "acme", epoch, seq, policy, entitlement: { tenant: "acme", plan: "pro" } });
    expect((payload["exp"] as number) - (payload["iat"] as number)).toBe(300);
    const { keysets } = (await authority.ask("GET", "/v1/feed/keysets", { key: fleet })).json() as {
      keysets: string[];
    };
    const keys = await verifyKeysetChain(keysets, { trust: [authority.trust], audience: "development" });
    const verifier = createTokenVerifier({ keys: () => keys, policy: compileStandardPolicy, nowMs: Date.now });
    const presented = await verifier.verify(answer.text);
    expect(presented.ask({ capability: "create", principal: "member" })).toMatchObject({ allowed: true });
  });

  it("gives a token again until half its life or the next version", async () => {
    const first = (await get("acme")).text;
    aheadMs += 140_000;
    expect((await get("acme")).text).toBe(first);
    aheadMs += 20_000;
    const second = (await get("acme")).text;
    expect(second).not.toBe(first);
    const written = await authority.ask("PUT", "/v1/tenants/other", { body: { name: "Other", plan: "pro" } });
    const third = (await get("acme")).text;
    expect(third).not.toBe(second);
    const { epoch, seq } = payloadOf(third);
    expect(`${String(epoch)}.${String(seq)}`).toBe(written.json()["version"]);
  });

  it("D2 · carries the lock that is published", async () => {
    const security = await authority.keyWith("security");
    const body = { cause: "security", allow: ["export"] };
    await authority.ask("PUT", "/v1/tenants/acme/locks/INC-1", { key: security, body });
    expect(payloadOf((await get("acme")).text)["lock"]).toMatchObject({ tenant: "acme", case: "INC-1" });
    await authority.ask("DELETE", "/v1/tenants/acme/locks/INC-1", { key: security });
    expect(payloadOf((await get("acme")).text)).not.toHaveProperty("lock");
  });

  it("says nothing of a change that waits for a second person", async () => {
    const ids = Array.from({ length: 30 }, (_, i) => `mass${i}`);
    for (const id of ids) await authority.ask("PUT", `/v1/tenants/${id}`, { body: { name: id, plan: "pro" } });
    const key = await authority.keyWith("collections");
    const steps = [{ at: Math.floor((Date.now() + aheadMs) / 1_000), mode: "limited" }];
    const statuses = await Promise.all(
      ids.map(async (id) => {
        const body = { cause: "nonpayment", steps };
        return (await authority.ask("PUT", `/v1/tenants/${id}/restrictions/c-${id}`, { key, body })).status;
      }),
    );
    const held = ids.filter((_, i) => statuses[i] === 202);
    expect(held.length, "changes that wait").toBeGreaterThan(0);
    for (const id of held.slice(0, 3)) {
      expect(payloadOf((await get(id)).text)["entitlement"]).toEqual({ tenant: id, plan: "pro" });
    }
  });

  it("says so where a tenant has more than a token holds", async () => {
    await authority.ask("PUT", "/v1/tenants/large", { body: { name: "Large", plan: "pro" } });
    // The doors let in less; a row of an earlier version may hold it.
    const features = JSON.stringify({ theme: "x".repeat(4_000), note: "x".repeat(4_000), more: "x".repeat(4_000) });
    const row = { tenant_id: "large", line: `{"tenant":"large","plan":"pro","features":${features}}` };
    await authority.store.db
      .insertInto("entitlement")
      .values(row)
      .onConflict((on) => on.doUpdateSet(row))
      .execute();
    const answer = await get("large");
    expect([answer.status, answer.json()]).toMatchObject([
      409,
      { detail: expect.stringContaining("16 KB") as unknown },
    ]);
  });

  it("tells a tenant that was removed from one that is unknown", async () => {
    await authority.ask("DELETE", "/v1/tenants/other");
    expect((await get("other")).json()).toMatchObject({ status: 404, type: "urn:dimmer:problem:tenant_gone" });
    expect((await get("nobody")).json()).toMatchObject({ status: 404, type: "urn:dimmer:problem:tenant_unknown" });
  });

  it.each([
    ["GET", "no%20tenant", 400],
    ["GET", "", 400],
    ["GET", "acme/more", 404],
    ["PUT", "acme", 405],
  ])("answers %s /v1/entitlements/%s with a problem", async (method, path, status) => {
    const answer = await authority.ask(method, `/v1/entitlements/${path}`, { key: fleet });
    expect(answer.json()).toMatchObject({ status });
  });

  it("is open to fleet credentials alone", async () => {
    expect((await get("acme", authority.admin)).status).toBe(401);
    expect((await get("acme", "")).status).toBe(401);
  });
});
