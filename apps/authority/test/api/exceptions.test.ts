import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
let collections: string;
beforeAll(async () => {
  authority = await runAuthority();
  collections = await authority.keyWith("collections");
  await authority.ask("PUT", "/v1/tenants/acme", { body: { name: "ACME", plan: "pro" } });
  await authority.ask("PUT", "/v1/tenants/acme/restrictions/c1", {
    key: collections,
    body: { cause: "nonpayment", steps: [{ at: 1, mode: "limited" }] },
  });
});
afterAll(() => authority.stop());

const PATH = "/v1/tenants/acme/restrictions/c1/exception";
const grant = (body: unknown, more: object = {}): ReturnType<RunningAuthority["ask"]> =>
  authority.ask("PUT", PATH, { key: collections, body, ...more });

describe("an exception", () => {
  it("is granted, changed and ended; the steps of its case stay as they are", async () => {
    const granted = await grant({ floor: "essential", until: "2199-01-01T00:00:00Z" });
    expect(granted.status, granted.text).toBe(200);
    expect(granted.json()).toMatchObject({
      steps: [{ mode: "limited" }],
      exception: { floor: "essential", until: "2199-01-01T00:00:00Z" },
      revision: 2,
      version: expect.stringMatching(/^1\./) as unknown,
    });
    const longer = { floor: "essential", from: 1, until: "2199-02-01T00:00:00Z" };
    expect((await grant(longer, { headers: { "if-match": '"r1"' } })).status).toBe(412);
    expect((await grant(longer)).json()).toMatchObject({ revision: 3, exception: { from: "1970-01-01T00:00:01Z" } });
    const ended = await authority.ask("DELETE", PATH, { key: collections });
    expect(ended.json()).toMatchObject({ exception: null, steps: [{ mode: "limited" }], revision: 4 });
    expect((await authority.ask("DELETE", PATH, { key: collections })).status).toBe(404);
  });

  it.each([
    [{ floor: "essential" }, 400, "until"],
    [{ floor: "essential", until: 2 }, 400, "until"],
    [{ floor: "nowhere", until: "2199-01-01T00:00:00Z" }, 400, expect.stringContaining("floor")],
    [{ floor: "essential", from: "2199-01-02T00:00:00Z", until: "2199-01-01T00:00:00Z" }, 400, expect.anything()],
  ])("that is none is refused: %j", async (body, status, field) => {
    expect((await grant(body)).json()).toMatchObject({ status, field: field as unknown });
  });

  it("is granted by collections alone, under nonpayment alone, and to a case that is there", async () => {
    const body = { floor: "essential", until: "2199-01-01T00:00:00Z" };
    expect((await grant(body, { key: authority.admin })).status).toBe(403);
    const legal = await authority.keyWith("legal");
    const breach = { cause: "breach", steps: [{ at: 1, mode: "read_only" }] };
    await authority.ask("PUT", "/v1/tenants/acme/restrictions/c2", { key: legal, body: breach });
    const under = await authority.ask("PUT", "/v1/tenants/acme/restrictions/c2/exception", { key: collections, body });
    expect(under.json()).toMatchObject({ status: 400, field: "exception" });
    const nowhere = await authority.ask("PUT", "/v1/tenants/acme/restrictions/c9/exception", {
      key: collections,
      body,
    });
    expect(nowhere.status).toBe(404);
  });
});

describe("a body", () => {
  it.each([
    ['{"name":"x","plan":"pro","name":"y"}', "name"],
    ['{"name":"x","plan":"pro","n\\u0061me":"y"}', "name"],
    ['{"name":"x","plan":"pro","features":{"seats":1,"seats":2}}', "features.seats"],
    ['{"name":"x","plan":"pro","contacts":[{"name":"a"},{"name":"b","name":"c"}]}', "contacts[1].name"],
  ])("with a name twice is refused: %s", async (body, field) => {
    expect((await authority.ask("PUT", "/v1/tenants/twice", { body })).json()).toMatchObject({ status: 400, field });
    expect((await authority.ask("GET", "/v1/tenants/twice")).status).toBe(404);
  });

  it("with a name in several objects, or in a text, is taken", async () => {
    const body = { name: '"name":1,"name":2', plan: "pro", contacts: [{ name: "a" }, { name: "b" }] };
    expect((await authority.ask("PUT", "/v1/tenants/once", { body })).status).toBe(201);
  });
});
