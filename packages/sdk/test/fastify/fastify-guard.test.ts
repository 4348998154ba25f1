import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { type AddressInfo, connect as connectTcp } from "node:net";
import { Readable } from "node:stream";
import fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type FastifyGuardOptions, fastifyGuard } from "../../src/fastify/index.ts";
import { LaterDimmer, MemoryDimmer, unpaid } from "../guard/memory-dimmer.ts";

const tenants = { acme: unpaid("limited"), paying: {}, shut: unpaid("read_only") };

const options = {
  dimmer: new MemoryDimmer(tenants),
  tenant: (request: FastifyRequest) => request.headers["x-test-session"] as string | undefined,
  principal: () => "member" as const,
  routes: [{ method: "GET", path: "/reports", capability: "create" }],
  protected: {
    login: "elsewhere",
    pay: [{ method: "POST", path: "/pay" }],
    export: "elsewhere",
    contact: "elsewhere",
    leave: "elsewhere",
  },
} satisfies FastifyGuardOptions;

const apps: FastifyInstance[] = [];
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

/** A product with a guard: one route for everything, in a plugin of its own. */
async function product(guard = fastifyGuard(options)): Promise<{ app: FastifyInstance; carriedOut: string[] }> {
  const app = fastify({ forceCloseConnections: true });
  apps.push(app);
  const carriedOut: string[] = [];
  await app.register(guard);
  await app.register(async (below) => {
    below.route({
      method: ["GET", "POST", "DELETE"],
      url: "/*",
      handler: async (request) => {
        carriedOut.push(`${request.method} ${request.url}`);
        return { saw: request.url, body: request.body ?? null };
      },
    });
  });
  return { app, carriedOut };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

async function send(
  app: FastifyInstance,
  method: "GET" | "POST" | "HEAD",
  url: string,
  tenant?: string,
): Promise<Answer> {
  if (!app.server.listening) await app.listen({ port: 0, host: "127.0.0.1" });
  const { port } = app.server.address() as AddressInfo;
  const headers = tenant === undefined ? {} : { "x-test-session": tenant };
  const request = httpRequest({ host: "127.0.0.1", port, method, path: url, headers });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let body = "";
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

describe("fastifyGuard", () => {
  it("answers what is denied before a body is parsed, in plugins below as well", async () => {
    const { app, carriedOut } = await product();
    const denied = await app.inject({
      method: "POST",
      url: "/notes",
      headers: { "x-test-session": "acme", "content-type": "application/json" },
      payload: "{ no json",
    });
    expect(denied.statusCode).toBe(402);
    expect(denied.headers).toMatchObject({
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "dimmer-reason": "restricted",
    });
    expect(denied.json()).toMatchObject({ capability: "create", case: "case_1" });
    expect(await send(app, "POST", "/notes?x=1", "paying")).toMatchObject({ status: 200 });
    expect(await send(app, "POST", "/notes")).toMatchObject({ status: 200 });
    expect(carriedOut).toEqual(["POST /notes?x=1", "POST /notes"]);
  });

  it("leaves the way back open, ends members' sessions, and has no body for HEAD", async () => {
    const { app } = await product();
    expect(await send(app, "POST", "/pay", "acme")).toMatchObject({ status: 200 });
    expect(await send(app, "GET", "/notes", "shut")).toMatchObject({
      status: 403,
      headers: { "dimmer-reason": "principal_not_admitted" },
    });
    expect(await send(app, "HEAD", "/reports", "acme")).toMatchObject({ status: 402, body: "" });
  });

  it("guards what there is not, too", async () => {
    const app = fastify();
    apps.push(app);
    await app.register(fastifyGuard(options));
    expect(await send(app, "POST", "/nowhere", "acme")).toMatchObject({ status: 402 });
    expect(await send(app, "POST", "/nowhere", "paying")).toMatchObject({ status: 404 });
  });

  it("refuses a path that Fastify would read in another way", async () => {
    const { app, carriedOut } = await product();
    for (const path of ["/files/../pay", "//pay", "/./pay", "/p%61y", "/pay%2f..", "/pay;x", "/pay\\x"]) {
      expect(await send(app, "POST", path, "acme"), path).toMatchObject({ status: 400 });
    }
    expect(carriedOut).toEqual([]);
    const lenient = await product(fastifyGuard({ ...options, strictPaths: false }));
    expect(await send(lenient.app, "POST", "/x/../pay", "acme")).toMatchObject({ status: 200 });
  });

  it("judges the path that it was rewritten to", async () => {
    const app = fastify({ rewriteUrl: ({ url = "" }) => url.replace("/old", "/reports") });
    apps.push(app);
    await app.register(fastifyGuard(options));
    app.get("/reports", async () => "report");
    expect(await send(app, "GET", "/old", "acme")).toMatchObject({ status: 402 });
    expect(await send(app, "GET", "/old", "paying")).toMatchObject({ status: 200, body: "report" });
  });

  it("stands in preHandler where that is wanted, behind what sets up the session there", async () => {
    const app = fastify();
    apps.push(app);
    app.decorateRequest("session", "");
    app.addHook("preHandler", async (request) => {
      (request as FastifyRequest & { session: string }).session = "acme";
    });
    const tenant = (request: FastifyRequest): string => (request as FastifyRequest & { session: string }).session;
    await app.register(fastifyGuard({ ...options, tenant, hook: "preHandler" }));
    app.post("/notes", async () => "carried out");
    expect(await send(app, "POST", "/notes")).toMatchObject({ status: 402 });
  });

  it("hands errors of the product's callbacks to Fastify, and does not let the request pass", async () => {
    for (const tenant of [
      () => {
        throw new Error("no session store");
      },
      () => Promise.reject(new Error("no session store")),
    ]) {
      const { app, carriedOut } = await product(fastifyGuard({ ...options, tenant }));
      const answer = await send(app, "GET", "/notes", "paying");
      expect(answer.status).toBe(500);
      expect(JSON.parse(answer.body)).toMatchObject({ message: "no session store" });
      expect(carriedOut).toEqual([]);
    }
  });

  it("waits for a Dimmer that answers later, and counts", async () => {
    const guard = fastifyGuard({ ...options, dimmer: new LaterDimmer(new MemoryDimmer(tenants)) });
    const { app } = await product(guard);
    expect(await send(app, "POST", "/notes", "acme")).toMatchObject({ status: 402 });
    expect(await send(app, "POST", "/notes", "paying")).toMatchObject({ status: 200 });
    expect(guard.counts().routes).toEqual([
      { route: "unmatched POST", allowed: 1, denied: 1, open: 0, withoutTenant: 0 },
    ]);
  });

  it("lets streamed bodies through intact, both ways", async () => {
    const app = fastify();
    apps.push(app);
    await app.register(fastifyGuard(options));
    app.addContentTypeParser("application/octet-stream", (_request, payload, done) => done(null, payload));
    app.post("/echo", (request, reply) => reply.send(request.body));
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    const pieces = Array.from({ length: 32 }, (_, at) => Buffer.alloc(64 * 1024, at));
    const response = await fetch(`${url}/echo`, {
      method: "POST",
      headers: { "x-test-session": "paying", "content-type": "application/octet-stream" },
      body: Readable.toWeb(Readable.from(pieces)),
      duplex: "half",
    } as RequestInit);
    expect(Buffer.concat(pieces).equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
  });

  it("outlives clients that go away while it waits for Dimmer", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const asked = vi.fn();
    const guard = fastifyGuard({
      ...options,
      tenant: async () => {
        asked();
        await promise;
        return "acme";
      },
    });
    const { app, carriedOut } = await product(guard);
    await app.listen({ port: 0, host: "127.0.0.1" });
    const socket = connectTcp((app.server.address() as AddressInfo).port, "127.0.0.1");
    socket.write("POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart");
    await vi.waitFor(() => expect(asked).toHaveBeenCalledOnce());
    socket.destroy();
    await once(socket, "close");
    resolve();
    await vi.waitFor(() => expect(guard.counts().routes[0]?.denied).toBe(1));
    expect(await send(app, "POST", "/pay", "acme")).toMatchObject({ status: 200 });
    expect(carriedOut).toEqual(["POST /pay"]);
  });
});
