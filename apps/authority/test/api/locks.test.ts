import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
let security: string;
let legal: string;
beforeAll(async () => {
  authority = await runAuthority();
  security = await authority.keyWith("security");
  legal = await authority.keyWith("legal");
});
afterAll(() => authority.stop());

const put = (path: string, body: unknown, key = security): ReturnType<RunningAuthority["ask"]> =>
  authority.ask("PUT", `/v1/tenants/${path}`, { body, key });
const locked = async (): Promise<string[]> => {
  const row = await authority.store.db.selectFrom("feed_state").select("locks_digest").executeTakeFirstOrThrow();
  const part = await authority.store.db
    .selectFrom("part")
    .select("bytes")
    .where("digest", "=", row.locks_digest)
    .executeTakeFirstOrThrow();
  const payload = JSON.parse(
    Buffer.from(Buffer.from(part.bytes).toString().split(".")[1] ?? "", "base64url").toString(),
  ) as { locks: { tenant: string }[] };
  return payload.locks.map(({ tenant }) => tenant);
};

describe("a lock", () => {
  it("locks a tenant, known or not, and is lifted", async () => {
    const made = await put("mallory/locks/INC-1", { cause: "security", allow: ["export"] });
    expect(made.status, made.text).toBe(201);
    expect(made.json()).toMatchObject({ tenant: "mallory", case: "INC-1", allow: ["export"], version: "1.2" });
    expect(await locked()).toEqual(["mallory"]);
    expect((await put("mallory/locks/INC-1", { cause: "security", allow: ["export"] })).status).toBe(200);
    expect((await put("mallory/locks/INC-1", { cause: "security", allow: [] })).status).toBe(409);
    expect((await authority.ask("GET", "/v1/locks?tenant=mallory")).json()["items"]).toMatchObject([{ case: "INC-1" }]);
    expect((await authority.ask("DELETE", "/v1/tenants/mallory/locks/INC-1", { key: security })).status).toBe(200);
    expect(await locked()).toEqual([]);
    expect((await authority.ask("DELETE", "/v1/tenants/mallory/locks/INC-1", { key: security })).status).toBe(404);
  });

  it("is put by security, and by legal where it is for legal reasons or breach", async () => {
    expect((await put("eve/locks/INC-2", { cause: "security" }, authority.admin)).status).toBe(403);
    expect((await put("eve/locks/INC-2", { cause: "breach" })).status).toBe(403);
    expect((await put("eve/locks/INC-2", { cause: "breach" }, legal)).status).toBe(201);
    expect((await authority.ask("DELETE", "/v1/tenants/eve/locks/INC-2", { key: security })).status).toBe(403);
  });

  it.each([
    ["an unknown capability", { cause: "security", allow: ["fly"] }, "allow"],
    ["an unknown cause", { cause: "spite" }, "cause"],
    ["a field that is none", { cause: "security", alow: [] }, "alow"],
  ])("with %s is refused, naming the field", async (_, body, field) => {
    const refused = await put("eve/locks/INC-3", body);
    expect(refused.json()).toMatchObject({ status: 400, field });
  });

  it("L6 · the eleventh in ten minutes waits until somebody else approves it by its count", async () => {
    const answers = [];
    for (let i = 0; i < 11; i++) answers.push(await put(`many-${i}/locks/INC-9`, { cause: "security" }));
    const held = answers.filter(({ status }) => status === 202);
    expect(held.length).toBeGreaterThan(0);
    const set = held[0]?.json()["changeSet"] as string;
    expect(await locked()).not.toContain("many-10");
    const approve = (narrowed: number, key: string): ReturnType<RunningAuthority["ask"]> =>
      authority.ask("POST", `/v1/change-sets/${set}/approve`, { key, body: { narrowed } });
    expect((await approve(held.length, security)).status).toBe(403);
    const other = await authority.keyWith("security");
    expect((await approve(held.length + 1, other)).json()).toMatchObject({ status: 409, field: "narrowed" });
    const approved = await approve(held.length, other);
    expect(approved.status, approved.text).toBe(200);
    expect(await locked()).toContain("many-10");
    expect((await approve(held.length, other)).status).toBe(409);
  });
});
