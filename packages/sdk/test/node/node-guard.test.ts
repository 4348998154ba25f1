import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Principal } from "@dimmer/core";
import { afterEach, describe, expect, it } from "vitest";
import { type GuardOptions, nodeGuard } from "../../src/node/index.ts";
import { LaterDimmer, MemoryDimmer, unpaid } from "../guard/memory-dimmer.ts";

const tenants = { acme: unpaid("limited"), paying: {} };

const options = {
  dimmer: new MemoryDimmer(tenants),
  tenant: (request: IncomingMessage) => request.headers["x-test-session"] as string | undefined,
  principal: (): Principal => "member",
  routes: [{ path: "/quiet", capability: "create" }],
  protected: {
    login: "elsewhere",
    pay: [{ method: "POST", path: "/pay" }],
    export: "elsewhere",
    contact: "elsewhere",
    leave: "elsewhere",
  },
} satisfies GuardOptions<IncomingMessage>;

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

async function listen(guard = nodeGuard(options)): Promise<number> {
  const server = createServer((request, response) => {
    guard(request, response, (error) => {
      response.statusCode = error === undefined ? 200 : 500;
      response.end(error === undefined ? `product: ${request.url}` : `product: ${(error as Error).message}`);
    });
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

async function send(port: number, method: string, path: string, tenant?: string, sent = ""): Promise<Answer> {
  const headers = {
    "content-length": Buffer.byteLength(sent),
    ...(tenant === undefined ? {} : { "x-test-session": tenant }),
  };
  const request = httpRequest({ host: "127.0.0.1", port, method, path, headers });
  request.end(sent);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let body = "";
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

describe("nodeGuard", () => {
  it("answers what is denied and hands on what is allowed", async () => {
    const port = await listen();
    expect(await send(port, "GET", "/notes?x=1", "acme")).toMatchObject({ status: 200, body: "product: /notes?x=1" });
    const denied = await send(port, "POST", "/notes", "acme", "a body that nobody reads");
    expect(denied).toMatchObject({
      status: 402,
      headers: { "content-type": "application/problem+json", "cache-control": "no-store", "dimmer-mode": "limited" },
    });
    expect(JSON.parse(denied.body)).toMatchObject({ status: 402, capability: "create" });
    expect(Number(denied.headers["content-length"])).toBe(Buffer.byteLength(denied.body));
    expect(await send(port, "POST", "/pay", "acme")).toMatchObject({ status: 200 });
    expect(await send(port, "POST", "/notes")).toMatchObject({ status: 200 });
  });

  it("has no body for HEAD", async () => {
    const port = await listen();
    expect(await send(port, "HEAD", "/quiet", "acme")).toMatchObject({ status: 402, body: "" });
  });

  it("judges the target as it came", async () => {
    const port = await listen();
    const statusOf = async (path: string): Promise<number> => (await send(port, "POST", path, "acme")).status;
    expect(await statusOf("/notes/../pay")).toBe(200);
    expect(await statusOf("/pay/../notes")).toBe(402);
    expect(await statusOf("/pay/../../pay")).toBe(400);
    expect(await statusOf("http://127.0.0.1/pay")).toBe(400);
    expect(await statusOf("/pay\\x")).toBe(400);
    expect(await statusOf("*")).toBe(400);
  });

  it("waits for a Dimmer and for callbacks that answer later", async () => {
    const port = await listen(
      nodeGuard({
        ...options,
        dimmer: new LaterDimmer(new MemoryDimmer(tenants)),
        tenant: async (request) => options.tenant(request),
      }),
    );
    expect(await send(port, "POST", "/notes", "acme")).toMatchObject({ status: 402 });
    expect(await send(port, "POST", "/notes", "paying")).toMatchObject({ status: 200 });
  });

  it("hands errors of the product's callbacks to next, and does not let the request pass", async () => {
    for (const tenant of [
      () => {
        throw new Error("no session store");
      },
      () => Promise.reject(new Error("no session store")),
    ]) {
      const port = await listen(nodeGuard({ ...options, tenant }));
      expect(await send(port, "GET", "/notes", "paying")).toMatchObject({
        status: 500,
        body: "product: no session store",
      });
    }
  });

  it("calls next once, also where that throws", () => {
    const guard = nodeGuard(options);
    const calls: unknown[] = [];
    const next = (error?: unknown): void => {
      calls.push(error);
      throw new Error("the product's handler");
    };
    const request = { method: "GET", url: "/notes", headers: {} } as IncomingMessage;
    expect(() => guard(request, {} as never, next)).toThrow("the product's handler");
    expect(calls).toEqual([undefined]);
  });
});
