import type { Principal } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { fetchGuard, type GuardOptions } from "../../src/fetch/index.ts";
import { LaterDimmer, MemoryDimmer, unpaid } from "../guard/memory-dimmer.ts";

const tenants = { acme: unpaid("limited"), paying: {} };

const options = {
  dimmer: new MemoryDimmer(tenants),
  tenant: (request: Request) => request.headers.get("x-test-session"),
  principal: (): Principal => "member",
  routes: [{ path: "/quiet", capability: "create" }],
  protected: {
    login: "elsewhere",
    pay: [{ method: "POST", path: "/pay" }],
    export: "elsewhere",
    contact: "elsewhere",
    leave: "elsewhere",
  },
} satisfies GuardOptions<Request>;

const handler = (request: Request, env: { readonly name: string }): Response =>
  new Response(`${env.name}: ${new URL(request.url).pathname}`);

function request(path: string, tenant: string, method = "GET"): Request {
  return new Request(`https://app.example${path}`, { method, headers: { "x-test-session": tenant } });
}

describe("fetchGuard", () => {
  it("wraps a handler and hands on what the platform gives", async () => {
    const guarded = fetchGuard(options)(handler);
    const response = await guarded(request("/notes", "acme"), { name: "worker" });
    expect(await response.text()).toBe("worker: /notes");
  });

  it("answers what is denied, without a body for HEAD", async () => {
    const guarded = fetchGuard(options)(handler);
    const denied = await guarded(request("/notes", "acme", "POST"), { name: "worker" });
    expect(denied.status).toBe(402);
    expect(denied.headers.get("content-type")).toBe("application/problem+json");
    expect(await denied.json()).toMatchObject({ capability: "create" });
    const head = await guarded(request("/quiet", "acme", "HEAD"), { name: "worker" });
    expect([head.status, await head.text()]).toEqual([402, ""]);
  });

  it("leaves open what is protected, and refuses an ambiguous path", async () => {
    const guarded = fetchGuard(options)(handler);
    const statusOf = async (path: string): Promise<number> =>
      (await guarded(request(path, "acme", "POST"), { name: "worker" })).status;
    expect(await statusOf("/pay")).toBe(200);
    expect(await statusOf("/pay?invoice=1")).toBe(200);
    expect(await statusOf("/pay/../notes")).toBe(402);
    expect(await statusOf("/pay/..%2fnotes")).toBe(400);
    expect(await statusOf("/pay;x")).toBe(400);
    expect(await statusOf("/pay#x")).toBe(400);
    expect(await statusOf("")).toBe(402);
  });

  it("waits for a Dimmer that answers later", async () => {
    const guarded = fetchGuard({ ...options, dimmer: new LaterDimmer(new MemoryDimmer(tenants)) })(handler);
    expect((await guarded(request("/notes", "acme", "POST"), { name: "worker" })).status).toBe(402);
    expect((await guarded(request("/notes", "paying", "POST"), { name: "worker" })).status).toBe(200);
  });

  it("rejects with an error of the product's callbacks, and does not call the handler", async () => {
    let called = 0;
    const broken = new Error("no session store");
    for (const tenant of [
      () => {
        throw broken;
      },
      () => Promise.reject(broken),
    ]) {
      const guarded = fetchGuard({ ...options, tenant })(() => {
        called += 1;
        return new Response();
      });
      await expect(guarded(request("/notes", "paying"))).rejects.toBe(broken);
    }
    expect(called).toBe(0);
  });

  it("counts for all of its handlers together", async () => {
    const guard = fetchGuard(options);
    await guard(handler)(request("/pay", "acme", "POST"), { name: "a" });
    await guard(handler)(request("/pay", "acme", "POST"), { name: "b" });
    expect(guard.counts().routes).toEqual([{ route: "POST /pay", allowed: 2, denied: 0, open: 0, withoutTenant: 0 }]);
  });
});
