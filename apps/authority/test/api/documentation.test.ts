import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
beforeAll(async () => {
  authority = await runAuthority();
});
afterAll(() => authority.stop());

interface Described {
  readonly openapi: string;
  readonly paths: Record<
    string,
    Record<string, { operationId: string; responses: Record<string, unknown>; security?: unknown[] }>
  >;
}

describe("the doors without a key", () => {
  it("say that the process lives and is ready", async () => {
    expect(await authority.ask("GET", "/livez", { key: "" })).toMatchObject({ status: 200, text: "ok\n" });
    await expect.poll(async () => (await authority.ask("GET", "/readyz", { key: "" })).text).toBe("ready\n");
  });

  it("give the numbers of the process, without a tenant or a key among them", async () => {
    await authority.ask("PUT", "/v1/tenants/acme-in-metrics", { body: { name: "x", plan: "pro" } });
    const { status, text } = await authority.ask("GET", "/metrics", { key: "" });
    expect(status).toBe(200);
    expect(text).toMatch(/^dimmer_leader 1$/m);
    expect(text).toMatch(/^dimmer_feed_seq 2$/m);
    expect(text).not.toContain("acme-in-metrics");
  });

  it("ask for a key for the numbers where more than this machine can reach them", async () => {
    const open = await runAuthority({ config: { host: "0.0.0.0" } });
    const url = open.url.replace("0.0.0.0", "127.0.0.1");
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    expect((await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${open.admin}` } })).status).toBe(200);
    await open.stop();
  });

  it("serve a page that needs no other host", async () => {
    for (const path of [
      "/docs",
      "/docs/start.js",
      "/docs/swagger-ui.css",
      "/docs/swagger-ui.js",
      "/docs/favicon.png",
    ]) {
      const { status, headers } = await authority.ask("GET", path, { key: "" });
      expect(status, path).toBe(200);
      expect(headers.get("content-security-policy")).toContain("default-src 'self'");
    }
  });
});

describe("/openapi.json", () => {
  it("describes every operation once, each with who may use it and what it answers", async () => {
    const described = (await authority.ask("GET", "/openapi.json", { key: "" })).json() as unknown as Described;
    expect(described.openapi).toBe("3.1.0");
    const all = Object.values(described.paths).flatMap((item) => Object.values(item));
    const names = all.map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(40);
    for (const { operationId, responses, security } of all) {
      expect(Object.keys(responses).length, operationId).toBeGreaterThan(1);
      expect(security, operationId).toBeDefined();
    }
  });

  it("refers to nothing that it does not hold", async () => {
    const { text } = await authority.ask("GET", "/openapi.json", { key: "" });
    const { components } = JSON.parse(text) as { components: { schemas: Record<string, unknown> } };
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      expect(Object.keys(components.schemas)).toContain(name);
    }
    expect(text).not.toContain("#/$defs");
  });
});

describe("what is no door", () => {
  it("is answered with a problem", async () => {
    expect((await authority.ask("GET", "/nowhere")).json()).toMatchObject({ status: 404 });
    const wrong = await authority.ask("POST", "/v1/tenants/acme", { body: {} });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("GET, HEAD, PUT, DELETE");
    expect((await authority.ask("GET", "/v1/tenants?colour=red")).json()).toMatchObject({
      status: 400,
      field: "colour",
    });
    expect((await authority.ask("GET", "/v1/tenants?limit=0")).json()).toMatchObject({ status: 400, field: "limit" });
    expect((await authority.ask("GET", "/v1/tenants?limit=1&limit=2")).json()).toMatchObject({
      status: 400,
      field: "limit",
    });
    expect((await authority.ask("GET", "/v1/tenants?cursor=nonsense")).json()).toMatchObject({
      status: 400,
      field: "cursor",
    });
  });
});
