import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createConnection } from "node:net";
import type { Principal, StandardPolicy } from "@dimmer/core";
import { createAdaptorServer } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { cors } from "hono/cors";
import { afterEach, describe, expect, it } from "vitest";
import { type GuardOptions, honoGuard } from "../../src/hono/index.ts";
import type { Dimmer } from "../../src/index.ts";
import type { RemoteDimmer } from "../../src/remote/index.ts";
import { MemoryDimmer, unpaid } from "../guard/memory-dimmer.ts";

// What it has in common with the other guards stands in guard/http.

const elsewhere = { login: "elsewhere", export: "elsewhere", contact: "elsewhere", leave: "elsewhere" } as const;
const tenants = { acme: unpaid("limited"), paying: {} };

const options = {
  dimmer: new MemoryDimmer(tenants),
  tenant: (c: Context) => c.req.header("x-test-session"),
  principal: (): Principal => "member",
  routes: [{ method: "POST", path: "/pay", capability: "pay" }],
  protected: { ...elsewhere, pay: [{ method: "POST", path: "/pay" }] },
} satisfies GuardOptions<Context>;

function product(guard = honoGuard(options)): Hono {
  const app = new Hono();
  app.use(cors());
  app.use(guard);
  app.get("/notes", (c) => c.text("notes"));
  app.post("/notes", (c) => c.text("created", 201));
  app.post("/pay", (c) => c.text("paid"));
  return app;
}

const as = (tenant: string, method = "GET"): RequestInit => ({ method, headers: { "x-test-session": tenant } });

describe("honoGuard", () => {
  it("answers a denial whole, and keeps what middleware before it has set", async () => {
    const response = await product().request("/notes", {
      method: "POST",
      headers: { "x-test-session": "acme", origin: "https://app.example", "accept-language": "ja" },
    });
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("content-language")).toBe("ja");
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(await response.json()).toMatchObject({ status: 402, capability: "create", mode: "limited" });
  });

  it("judges the path that Hono routes by", async () => {
    const app = product();
    expect((await app.request("/%6eotes", as("acme", "POST"))).status).toBe(402);
    expect((await app.request("http://localhost/pay/../notes", as("acme", "POST"))).status).toBe(402);
    expect((await app.request("/notes/../pay", as("acme", "POST"))).status).toBe(200);
    expect((await app.request("/notes%2f..%2fpay", as("paying", "POST"))).status).toBe(400);
    expect((await app.request("/notes;x=1", as("paying"))).status).toBe(400);
    expect((await app.request("/notes?x=;", as("paying"))).status).toBe(200);
  });

  it("takes what connect and connectRemote give", () => {
    const accepted = (inProcess: Dimmer, remote: RemoteDimmer): GuardOptions<Context>[] => [
      { ...options, dimmer: inProcess },
      { ...options, dimmer: remote },
    ];
    expect(accepted).toBeTypeOf("function");
  });

  it("takes names from the policy's type: a misspelt capability or feature does not compile", () => {
    const make = (): unknown =>
      honoGuard({
        ...options,
        dimmer: {} as Dimmer<StandardPolicy>,
        routes: [
          { path: "/", capability: "create" },
          { path: "/open", capability: "open" },
          // @ts-expect-error: the policy has no capability "creat"
          { path: "/misspelt", capability: "creat" },
          { path: "/sso", capability: "update", feature: "sso" },
          // @ts-expect-error: the policy has no feature "ssso"
          { path: "/misspelt-too", capability: "update", feature: "ssso" },
        ],
      });
    expect(make).toThrow("guard: dimmer.check is missing");
  });
});

describe("honoGuard on Node's server", () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });

  /** Sends a request line as it is written, which no client would. */
  async function statusOf(target: string, tenant: string): Promise<number> {
    const server = createAdaptorServer({ fetch: product().fetch });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    closing.push(async () => {
      server.close();
      await once(server, "close");
    });
    const socket = createConnection((server.address() as AddressInfo).port, "127.0.0.1");
    socket.end(
      `POST ${target} HTTP/1.1\r\nHost: localhost\r\nX-Test-Session: ${tenant}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    let text = "";
    for await (const piece of socket) text += String(piece);
    return Number(text.split(" ")[1]);
  }

  it.each([
    ["/notes", "acme", 402],
    ["/notes", "paying", 201],
    ["/pay", "acme", 200],
    ["/pay/../notes", "acme", 402],
    ["/pay/%2e%2e/notes", "acme", 402],
    ["/../notes", "paying", 400],
    ["/%2e%2e/notes", "paying", 400],
    ["/notes/..%2fpay", "acme", 400],
    ["/notes\\..\\pay", "acme", 400],
    ["/notes;/pay", "acme", 400],
    ["/notes#/pay", "acme", 400],
    ["/notes?a=/../..", "paying", 201],
  ])("answers POST %s of %s as it came over the wire with %i", async (target, tenant, status) => {
    expect(await statusOf(target, tenant)).toBe(status);
  });
});
