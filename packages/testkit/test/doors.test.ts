import { connect } from "@dimmer/sdk";
import { connectEdge } from "@dimmer/sdk/edge";
import { connectRemote } from "@dimmer/sdk/remote";
import { type FetchDoors, inFull, inMode, serveDoors, TestWorld } from "@dimmer/testkit";
import { describe, expect, it } from "vitest";

const tenants = [inFull("paying"), inMode("acme", "limited")];
const silent = { info() {}, warn() {}, error() {} };

async function ask(doors: FetchDoors, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const init = body === undefined ? {} : { method: "POST", body: JSON.stringify(body) };
  const response = await doors(new Request(`http://sidecar.test${path}`, init));
  const text = await response.text();
  return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
}

describe("the doors of a sidecar", () => {
  it("answer questions as a sidecar does", async () => {
    await using world = await TestWorld.create({ tenants });
    const { sidecar } = world;
    expect(await ask(sidecar, "/v1/check", { tenant: "paying", capability: "create" })).toEqual({
      status: 200,
      body: {
        allowed: true,
        capability: "create",
        mode: "full",
        reason: "granted",
        freshness: "fresh",
        version: "1.1",
      },
    });
    expect((await ask(sidecar, "/v1/check", { tenant: "acme", capability: "create" })).body).toMatchObject({
      allowed: false,
      tenant: "acme",
      cause: "nonpayment",
      case: "case_acme",
      since: expect.stringContaining("T"),
    });
    const seats = { tenant: "paying", feature: "seats", usage: { current: 24, adding: 1 } };
    expect((await ask(sidecar, "/v1/check", seats)).body).toMatchObject({ allowed: true, limit: 25, remaining: 1 });
    expect(
      (await ask(sidecar, "/v1/checks", { checks: [seats, { tenant: "x", capabilty: "view" }] })).body,
    ).toMatchObject({
      decisions: [{ allowed: true }, { error: { detail: "capabilty is not known here" } }],
    });
    expect((await ask(sidecar, "/v1/tenants/acme")).body).toMatchObject({ tenant: "acme", mode: "limited" });
    expect([await ask(sidecar, "/livez"), await ask(sidecar, "/readyz")].map(({ status }) => status)).toEqual([
      200, 200,
    ]);
  });

  it.each([
    [{ tenant: "acme", capability: "view", principle: "member" }, "principle is not known here"],
    [{ tenant: "acme", capability: "view", principal: "owner" }, "principal is none"],
    [{ tenant: "no tenant", capability: "view" }, "tenant is no tenant id"],
    [{ tenant: "acme" }, "neither capability nor feature"],
    [[], "a question is an object"],
    [{ tenant: "acme", capability: 7, feature: "seats" }, "capability is no text"],
    [{ tenant: "acme", capability: "view", atLeast: 7 }, "atLeast is no version"],
    [{ tenant: "acme", capability: "view", atLeast: "newest" }, "atLeast is no version"],
    [{ tenant: "acme", capability: "view", atLeast: null }, "atLeast is no version"],
    [{ tenant: "acme", capability: "view", usage: { current: 1 } }, "usage needs a feature"],
    [{ tenant: "acme", feature: "seats", usage: 1 }, "usage is no object"],
    [{ tenant: "acme", feature: "seats", usage: { curent: 1 } }, "usage.curent is not known here"],
    [{ tenant: "acme", feature: "seats", usage: {} }, "usage.current is no number"],
    [{ tenant: "acme", feature: "seats", usage: { current: -1 } }, "usage.current is no number"],
    [{ tenant: "acme", feature: "seats", usage: { current: 1, adding: "1" } }, "usage.adding is no number"],
  ])("refuse %j, alone and in a batch", async (question, detail) => {
    await using world = await TestWorld.create({ tenants });
    const answer = await ask(world.sidecar, "/v1/check", question);
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringContaining(detail) } });
    const { body } = await ask(world.sidecar, "/v1/checks", { checks: [question] });
    expect(body).toMatchObject({ decisions: [{ error: { detail: expect.stringContaining(detail) } }] });
  });

  it("name case and date of a lock, as a sidecar does to the product", async () => {
    await using world = await TestWorld.create({ tenants });
    await world.lock("acme");
    const { lock } = world.dimmer.explain("acme");
    expect((await ask(world.sidecar, "/v1/check", { tenant: "acme", capability: "view" })).body).toEqual({
      allowed: false,
      capability: "view",
      mode: "locked",
      reason: "locked",
      cause: "security",
      freshness: "fresh",
      version: "1.2",
      tenant: "acme",
      case: lock?.case,
      since: lock?.since,
    });
    expect([lock?.case, lock?.since]).toEqual([expect.stringMatching(/./), expect.stringContaining("T")]);
  });

  it.each([
    ['{"tenant":"paying","capability":"view","tenant":"acme"}', "tenant"],
    ['{"tenant":"acme","feature":"seats","usage":{"current":1,"current":2}}', "usage.current"],
    ['{"tenant":"acme","capability":"view","cap\\u0061bility":"create"}', "capability"],
  ])("refuse the repeated key of %s, alone and in a batch, where it spoils no other", async (text, field) => {
    await using world = await TestWorld.create({ tenants });
    const post = async (path: string, body: string): Promise<{ status: number; body: unknown }> => {
      const response = await world.sidecar(new Request(`http://sidecar.test${path}`, { method: "POST", body }));
      return { status: response.status, body: await response.json() };
    };
    const detail = `${field} stands twice: send it once`;
    expect(await post("/v1/check", text)).toMatchObject({ status: 400, body: { field, detail } });
    const good = '{"tenant":"acme","capability":"view"}';
    expect(await post("/v1/checks", `{"checks":[${good},${text},${good}]}`)).toMatchObject({
      status: 200,
      body: { decisions: [{ allowed: true }, { error: { field, detail } }, { allowed: true }] },
    });
    expect((await post("/v1/checks", `{"checks":[],"checks":[${good}]}`)).status).toBe(400);
  });

  it("hold answers to a version, and refuse batches as a sidecar does", async () => {
    await using world = await TestWorld.create({ tenants });
    const { sidecar } = world;
    const view = { tenant: "acme", capability: "view" };
    expect((await ask(sidecar, "/v1/check", { ...view, atLeast: "1.1" })).body).toMatchObject({ reason: "granted" });
    expect((await ask(sidecar, "/v1/check", { ...view, atLeast: "1.2" })).body).toMatchObject({ reason: "no_data" });
    expect((await ask(sidecar, "/v1/checks", { checks: [], cheks: [] })).status).toBe(400);
    expect((await ask(sidecar, "/v1/checks", { checks: Array(1_001).fill(view) })).status).toBe(413);
  });

  it("answer 400 to a path that names no tenant, and never break", async () => {
    await using world = await TestWorld.create({ tenants });
    for (const segment of ["%zz", "%ff", "no%20such", "", "a/b", `${"a".repeat(129)}`]) {
      for (const [doors, path] of [
        [world.sidecar, "/v1/tenants/"],
        [world.sidecar, "/v1/entitlements/"],
        [world.authority, "/v1/entitlements/"],
      ] as const) {
        expect((await ask(doors, `${path}${segment}`)).status, `${path}${segment}`).toBe(400);
      }
    }
  });

  it("serve real clients on a port: connect, connectRemote", async () => {
    await using world = await TestWorld.create({ tenants });
    await using served = await serveDoors(world.sidecar);
    await using dimmer = await connect({ feed: served.url, trust: world.trust, log: silent });
    await using remote = await connectRemote({ sidecar: served.url, trust: world.trust, timeoutMs: 5_000 });
    await Promise.all([dimmer.ready(), remote.ready()]);
    for (const answer of [dimmer.check("acme", "create"), await remote.check("acme", "create")]) {
      expect(answer).toEqual(world.dimmer.check("acme", "create"));
    }
    expect(await remote.limit("paying", "seats", { current: 25 })).toMatchObject({ allowed: false, remaining: 0 });
  });
});

describe("the doors of an authority", () => {
  it("give the feed and tokens to a real client through fetch", async () => {
    await using world = await TestWorld.create({ tenants });
    const edge = await connectEdge({
      feed: { fetch: (url, init) => world.authority(new Request(url, init)) },
      trust: world.trust,
      follow: "on-use",
    });
    expect(await edge.check("acme", "create")).toMatchObject({ allowed: false, reason: "restricted" });
    await edge.close();
    expect((await ask(world.authority, "/v1/entitlements/nobody")).status).toBe(404);
    expect((await ask(world.authority, "/v1/check", {})).status).toBe(404);
  });

  it("break off while chaos has it down; those of the sidecar go on answering", async () => {
    await using world = await TestWorld.create({ tenants });
    await world.chaos.authorityDown();
    expect((await world.authority(new Request("http://authority.test/v1/feed/head"))).type).toBe("error");
    const check = await ask(world.sidecar, "/v1/check", { tenant: "acme", capability: "create" });
    expect(check.body).toMatchObject({ allowed: false });
    await using served = await serveDoors(world.authority);
    await expect(fetch(`${served.url}/v1/feed/head`)).rejects.toThrow("fetch failed");
  });
});
