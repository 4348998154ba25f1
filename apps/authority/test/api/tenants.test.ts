import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
beforeAll(async () => {
  authority = await runAuthority();
});
afterAll(() => authority.stop());

const acme = { name: "ACME K.K.", plan: "pro", features: { seats: 50 }, zone: "Asia/Tokyo", locale: "ja" };
const put = (id: string, body: unknown, headers = {}): ReturnType<RunningAuthority["ask"]> =>
  authority.ask("PUT", `/v1/tenants/${id}`, { body, headers });

describe("/v1/tenants", () => {
  it("creates a tenant and answers with the version that carries it", async () => {
    const made = await put("acme", acme);
    expect(made.status, made.text).toBe(201);
    expect(made.headers.get("etag")).toBe('"r1"');
    expect(made.json()).toMatchObject({ id: "acme", ...acme, revision: 1, contacts: [], version: "1.2" });
    const read = await authority.ask("GET", "/v1/tenants/acme");
    expect(read.json()).toMatchObject({ id: "acme", ...acme, goneAt: null, restrictions: [], locks: [] });
  });

  it("changes nothing where the same is put again, and names the version that carries it", async () => {
    const first = await put("same", acme);
    const again = await put("same", acme);
    expect(again.status).toBe(200);
    expect(again.json()).toMatchObject({ revision: 1, version: first.json()["version"] });
  });

  it("publishes nothing where only what the feed does not have is changed", async () => {
    const first = await put("named", acme);
    const renamed = await put("named", { ...acme, name: "ACME Corp." });
    expect(renamed.json()).toMatchObject({ name: "ACME Corp.", revision: 2, version: first.json()["version"] });
  });

  it("refuses to overwrite what somebody else changed, and says how it stands", async () => {
    const { headers } = await put("shared", acme);
    const etag = headers.get("etag") as string;
    expect((await put("shared", { ...acme, plan: "starter" }, { "if-match": etag })).status).toBe(200);
    const late = await put("shared", { ...acme, plan: "enterprise" }, { "if-match": etag });
    expect(late.status).toBe(412);
    expect(late.json()["detail"]).toContain("revision 2, not 1");
    expect((await authority.ask("GET", "/v1/tenants/shared")).json()["plan"]).toBe("starter");
  });

  it("creates only, where that is asked for", async () => {
    expect((await put("only", acme, { "if-none-match": "*" })).status).toBe(201);
    expect((await put("only", { ...acme, plan: "starter" }, { "if-none-match": "*" })).status).toBe(412);
  });

  it("answers 304 to whoever has its list entry's revision… and pages by id", async () => {
    for (const id of ["page-1", "page-2", "page-3"]) await put(id, { name: id, plan: "enterprise" });
    const first = await authority.ask("GET", "/v1/tenants?plan=enterprise&limit=2");
    const { items, next } = first.json() as { items: { id: string }[]; next: string };
    expect(items.map(({ id }) => id)).toEqual(["page-1", "page-2"]);
    const second = await authority.ask("GET", `/v1/tenants?plan=enterprise&limit=2&cursor=${next}`);
    expect(second.json()).toMatchObject({ items: [{ id: "page-3" }], next: null });
  });

  it("removes a tenant, which may come back", async () => {
    await put("gone", acme);
    const removed = await authority.ask("DELETE", "/v1/tenants/gone");
    expect(removed.status, removed.text).toBe(200);
    expect(removed.json()["version"]).toMatch(/^1\./);
    expect((await authority.ask("GET", "/v1/tenants/gone")).status).toBe(404);
    expect((await authority.ask("DELETE", "/v1/tenants/gone")).status).toBe(404);
    const ids = async (query: string): Promise<string[]> =>
      ((await authority.ask("GET", `/v1/tenants?limit=500${query}`)).json()["items"] as { id: string }[]).map(
        ({ id }) => id,
      );
    expect(await ids("")).not.toContain("gone");
    expect(await ids("&gone=true")).toContain("gone");
    expect((await put("gone", acme)).json()).toMatchObject({ goneAt: null, revision: 3 });
  });

  it("does a request once, however often it is sent under one key", async () => {
    const headers = { "idempotency-key": "once" };
    const first = await put("twice", acme, headers);
    await put("twice", { ...acme, plan: "starter" });
    const again = await put("twice", acme, headers);
    expect(again.status).toBe(201);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.json()).toEqual(first.json());
    expect((await authority.ask("GET", "/v1/tenants/twice")).json()["plan"]).toBe("starter");
    const other = await put("twice", { ...acme, plan: "enterprise" }, headers);
    expect(other.status).toBe(422);
    expect(other.json()["field"]).toBe("Idempotency-Key");
  });

  it("does a request once also where both copies come at once", async () => {
    const before = await authority.store.db.selectFrom("ledger").select("id").execute();
    const headers = { "idempotency-key": "at-once" };
    const both = await Promise.all([put("at-once", acme, headers), put("at-once", acme, headers)]);
    expect(both.map(({ status }) => status)).toEqual([201, 201]);
    expect(both[0]?.json()).toEqual(both[1]?.json());
    expect(await authority.store.db.selectFrom("ledger").select("id").execute()).toHaveLength(before.length + 1);
  });

  it("asks for a reason, and takes it from the header or the body", async () => {
    const silent = await authority.ask("PUT", "/v1/tenants/why", { body: acme, headers: { "dimmer-reason": "" } });
    expect(silent.status).toBe(400);
    expect(silent.json()["field"]).toBe("Dimmer-Reason");
    const bare = await fetch(`${authority.url}/v1/tenants/why`, {
      method: "PUT",
      headers: { authorization: `Bearer ${authority.admin}`, "content-type": "application/json" },
      body: JSON.stringify(acme),
    });
    expect(await bare.json()).toMatchObject({ status: 400, field: "reason" });
    const told = await fetch(`${authority.url}/v1/tenants/why`, {
      method: "PUT",
      headers: {
        authorization: `Bearer ${authority.admin}`,
        "content-type": "application/json",
        "dimmer-correlation": "chain-7",
      },
      body: JSON.stringify({ ...acme, reason: "契約締結" }),
    });
    expect(told.status).toBe(201);
    expect(told.headers.get("dimmer-correlation")).toBe("chain-7");
    const { items } = (await authority.ask("GET", "/v1/ledger?subject=tenant:why")).json() as { items: unknown[] };
    expect(items).toMatchObject([
      { reason: "契約締結", correlation: "chain-7", role: "admin", action: "tenant.put", before: null },
    ]);
  });
});

describe("a tenant that cannot be", () => {
  it.each([
    ["an unknown plan", { name: "x", plan: "gold" }, "plan"],
    ["no name", { plan: "pro" }, "name"],
    ["a field that is none", { name: "x", plan: "pro", restriction: [] }, "restriction"],
    ["a feature that is none", { name: "x", plan: "pro", features: { sets: 3 } }, "features"],
    ["a feature of another type", { name: "x", plan: "pro", features: { seats: "many" } }, "features"],
    ["a zone that is none", { name: "x", plan: "pro", zone: "Mars/Olympus" }, "zone"],
    [
      "an address that is none",
      { name: "x", plan: "pro", contacts: [{ name: "a", email: "not one" }] },
      "contacts[0].email",
    ],
    ["a NUL", { name: "a\0b", plan: "pro" }, "name"],
    ["a lone surrogate", { name: "a\ud800b", plan: "pro" }, "name"],
    ["a prototype", '{"name":"x","plan":"pro","features":{"__proto__":{"seats":1}}}', "features.__proto__"],
    ["a number past all numbers", '{"name":"x","plan":"pro","features":{"seats":1e999}}', "features.seats"],
    ["depth", `{"name":"x","plan":"pro","features":${'{"a":'.repeat(100)}1${"}".repeat(100)}}`, /^features\.a/],
  ])("with %s is refused, naming the field", async (_, body, field) => {
    const refused = await put("bad", body);
    expect(refused.status, refused.text).toBe(400);
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
    expect(refused.json()["field"]).toEqual(typeof field === "string" ? field : expect.stringMatching(field));
    expect((await authority.ask("GET", "/v1/tenants/bad")).status).toBe(404);
  });

  it.each(["%00", "a%2fb", "-a", "a b", "日本", "x".repeat(129)])("named %s is refused", async (id) => {
    const refused = await put(encodeURI(decodeURIComponentOr(id)), { name: "x", plan: "pro" });
    expect([400, 404]).toContain(refused.status);
    expect(refused.headers.get("content-type")).toBe("application/problem+json");
  });

  it("is refused where the body is too large, no JSON, of another type, or no object", async () => {
    expect((await put("bad", { name: "x".repeat(1_100_000), plan: "pro" })).status).toBe(413);
    expect((await put("bad", "{")).json()).toMatchObject({ status: 400, field: "body" });
    expect((await put("bad", [1])).json()).toMatchObject({ status: 400, field: "body" });
    expect((await put("bad", acme, { "content-type": "text/plain" })).json()).toMatchObject({
      status: 415,
      field: "content-type",
    });
    expect((await put("bad", Uint8Array.from([0x22, 0xff, 0x22]))).json()).toMatchObject({
      status: 400,
      field: "body",
    });
  });
});

function decodeURIComponentOr(text: string): string {
  return text.startsWith("%00") ? "\0" : text;
}
