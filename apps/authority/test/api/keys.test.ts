import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
let nowMs = Date.now();
beforeAll(async () => {
  authority = await runAuthority({ now: () => nowMs });
});
afterAll(() => authority.stop());

const works = async (key: string): Promise<boolean> =>
  (await authority.ask("GET", "/v1/tenants", { key })).status === 200;

describe("an API key", () => {
  it("is made with roles, its secret shown once and kept nowhere", async () => {
    const headers = { "idempotency-key": "key-1" };
    const body = { name: "collections desk", roles: ["collections", "cs"] };
    const made = await authority.ask("POST", "/v1/api-keys", { body, headers });
    expect(made.status, made.text).toBe(201);
    const { id, secret, prefix } = made.json() as { id: string; secret: string; prefix: string };
    expect(secret.startsWith(prefix)).toBe(true);
    expect(made.headers.get("location")).toBe(`/v1/api-keys/${id}`);
    expect(await works(secret)).toBe(true);
    const again = await authority.ask("POST", "/v1/api-keys", { body, headers });
    expect(again.json()).toMatchObject({ id });
    expect(again.json()["secret"]).toBeUndefined();
    for (const table of ["api_key", "ledger", "idempotency"] as const) {
      expect(JSON.stringify(await authority.store.db.selectFrom(table).selectAll().execute())).not.toContain(secret);
    }
    expect(authority.logged.join("")).not.toContain(secret);
  });

  it("is revoked at once", async () => {
    const made = (await authority.ask("POST", "/v1/api-keys", { body: { name: "k", roles: ["auditor"] } })).json();
    const secret = made["secret"] as string;
    expect((await authority.ask("DELETE", `/v1/api-keys/${String(made["id"])}`)).status).toBe(200);
    expect(await works(secret)).toBe(false);
    expect((await authority.ask("DELETE", `/v1/api-keys/${String(made["id"])}`)).status).toBe(404);
  });

  it("is rotated with an overlap", async () => {
    const made = (await authority.ask("POST", "/v1/api-keys", { body: { name: "r", roles: ["auditor"] } })).json();
    const rotated = await authority.ask("POST", `/v1/api-keys/${String(made["id"])}/rotate`, {
      body: { overlapMinutes: 10 },
    });
    expect(rotated.json()).toMatchObject({ name: "r", roles: ["auditor"] });
    const [old, fresh] = [made["secret"] as string, rotated.json()["secret"] as string];
    expect([await works(old), await works(fresh)]).toEqual([true, true]);
    nowMs += 11 * 60_000;
    expect([await works(old), await works(fresh)]).toEqual([false, true]);
  });

  it("ends when it was made to", async () => {
    const expiresAt = new Date(nowMs + 60_000).toISOString().replace(/\.\d+Z/, "Z");
    const made = await authority.ask("POST", "/v1/api-keys", { body: { name: "e", roles: ["auditor"], expiresAt } });
    const secret = made.json()["secret"] as string;
    expect(await works(secret)).toBe(true);
    nowMs += 61_000;
    expect(await works(secret)).toBe(false);
  });

  it("is asked for at every door that is not public", async () => {
    const paths = ["/v1/tenants", "/v1/ledger", "/v1/api-keys", "/v1/fleet/replicas", "/v1/feed/head", "/v1/locks"];
    for (const path of paths) {
      for (const key of ["", "dmk_nonsense_nonsense"]) {
        const refused = await authority.ask("GET", path, { key });
        expect(refused.status, path).toBe(401);
        expect(refused.headers.get("www-authenticate")).toContain("Bearer");
      }
    }
    expect((await authority.ask("GET", "/v1/feed/head")).status).toBe(401);
  });

  it("may not do what its roles do not permit", async () => {
    const auditor = await authority.keyWith("auditor");
    expect((await authority.ask("GET", "/v1/ledger", { key: auditor })).status).toBe(200);
    expect((await authority.ask("GET", "/v1/api-keys", { key: auditor })).status).toBe(200);
    const writes: [string, string][] = [
      ["PUT", "/v1/tenants/x"],
      ["DELETE", "/v1/tenants/x"],
      ["PUT", "/v1/tenants/x/restrictions/c"],
      ["PUT", "/v1/tenants/x/locks/c"],
      ["POST", "/v1/policies"],
      ["POST", "/v1/api-keys"],
      ["POST", "/v1/fleet/credentials"],
      ["POST", "/v1/imports/tenants"],
    ];
    for (const [method, path] of writes) {
      expect((await authority.ask(method, path, { key: auditor, body: {} })).status, path).toBe(403);
    }
  });

  it.each([
    [{ name: "x", roles: [] }, "roles"],
    [{ name: "x", roles: ["emperor"] }, "roles[0]"],
    [{ name: "", roles: ["admin"] }, "name"],
    [{ name: "two\nlines", roles: ["admin"] }, "name"],
  ])("is not made of %j", async (body, field) => {
    expect((await authority.ask("POST", "/v1/api-keys", { body })).json()).toMatchObject({ status: 400, field });
  });
});

describe("the rate of a key", () => {
  it("is bounded for each key alone, with the time to wait", async () => {
    const slow = await runAuthority({ config: { ratePerSecond: 1 } });
    const answers = await Promise.all(Array.from({ length: 8 }, () => slow.ask("GET", "/v1/tenants")));
    const refused = answers.find(({ status }) => status === 429);
    expect(refused?.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect((await slow.ask("GET", "/livez")).status).toBe(200);
    await slow.stop();
  });
});
