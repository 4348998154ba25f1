import { once } from "node:events";
import { request as httpRequest, type IncomingMessage, type Server } from "node:http";
import { type AddressInfo, connect as connectTcp } from "node:net";
import express, { type Express, type Request } from "express";
import { afterEach, describe, expect, it, vi } from "vitest";
import { expressGuard, type GuardOptions } from "../../src/express/index.ts";
import { LaterDimmer, MemoryDimmer, unpaid } from "../guard/memory-dimmer.ts";

const tenants = { acme: unpaid("limited"), paying: {}, shut: unpaid("read_only") };

const options = {
  dimmer: new MemoryDimmer(tenants),
  tenant: (request: Request) => request.get("x-test-session"),
  principal: () => "member" as const,
  routes: [{ method: "GET", path: "/api/reports", capability: "create" }],
  protected: {
    login: "elsewhere",
    pay: [{ method: "POST", path: "/pay" }],
    export: "elsewhere",
    contact: "elsewhere",
    leave: "elsewhere",
  },
} satisfies GuardOptions<Request>;

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});

async function listen(app: Express): Promise<number> {
  const server = app.listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** A product: a session reader would stand in front, bodies are read behind the guard. */
function product(guard = expressGuard(options)): { readonly app: Express; readonly carriedOut: string[] } {
  const app = express();
  const carriedOut: string[] = [];
  app.use(guard);
  app.use(express.json());
  app.use((request, response) => {
    carriedOut.push(`${request.method} ${request.originalUrl}`);
    response.json({ saw: request.originalUrl, body: request.body ?? null });
  });
  app.use((error: Error, _request: Request, response: express.Response, _next: express.NextFunction) => {
    response.status(500).json({ failed: error.message });
  });
  return { app, carriedOut };
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

async function send(port: number, method: string, path: string, tenant?: string, sent?: string): Promise<Answer> {
  const headers = {
    ...(sent === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(sent) }),
    ...(tenant === undefined ? {} : { "x-test-session": tenant }),
  };
  const request = httpRequest({ host: "127.0.0.1", port, method, path, headers });
  request.end(sent);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let body = "";
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

describe("expressGuard", () => {
  it("answers what is denied before a body is parsed, and hands on what is allowed", async () => {
    const { app, carriedOut } = product();
    const port = await listen(app);
    const denied = await send(port, "POST", "/notes", "acme", "{ no json");
    expect(denied).toMatchObject({
      status: 402,
      headers: { "content-type": "application/problem+json", "cache-control": "no-store", "dimmer-mode": "limited" },
    });
    expect(JSON.parse(denied.body)).toMatchObject({ status: 402, capability: "create", case: "case_1" });
    const allowed = await send(port, "POST", "/notes?x=1", "paying", '{"text":"hello"}');
    expect(JSON.parse(allowed.body)).toEqual({ saw: "/notes?x=1", body: { text: "hello" } });
    expect(await send(port, "POST", "/notes", undefined, "{}")).toMatchObject({ status: 200 });
    expect(carriedOut).toEqual(["POST /notes?x=1", "POST /notes"]);
  });

  it("leaves the way back open, and ends members' sessions where only administrators sign in", async () => {
    const port = await listen(product().app);
    expect(await send(port, "POST", "/pay", "acme")).toMatchObject({ status: 200 });
    const ended = await send(port, "GET", "/notes", "shut");
    expect(ended).toMatchObject({ status: 403, headers: { "dimmer-reason": "principal_not_admitted" } });
  });

  it("judges the whole path where it is mounted, and the path that was rewritten to", async () => {
    const app = express();
    app.use("/old", (request, _response, next) => {
      request.url = "/reports";
      next();
    });
    app.use("/api", expressGuard(options), (_request, response) => void response.send("report"));
    app.use((request, response) => void response.send(request.url));
    const port = await listen(app);
    expect(await send(port, "GET", "/api/reports", "acme")).toMatchObject({ status: 402 });
    expect(await send(port, "GET", "/api/others", "acme")).toMatchObject({ status: 200, body: "report" });
    expect(await send(port, "POST", "/api/pay", "acme"), "not the /pay of the table").toMatchObject({ status: 402 });
    const rewriting = express();
    rewriting.use((request, _response, next) => {
      request.url = request.url.replace("/old", "/api/reports");
      next();
    });
    rewriting.use(expressGuard(options), (_request, response) => void response.send("report"));
    expect(await send(await listen(rewriting), "GET", "/old", "acme")).toMatchObject({ status: 402 });
  });

  it("refuses a path that Express would read in another way", async () => {
    const { app, carriedOut } = product();
    const port = await listen(app);
    for (const path of ["/files/../pay", "//pay", "/./pay", "/p%61y", "/pay%2f..", "/pay;x", "/pay\\x"]) {
      expect(await send(port, "POST", path, "acme"), path).toMatchObject({ status: 400 });
    }
    expect(carriedOut).toEqual([]);
    const lenient = await listen(product(expressGuard({ ...options, strictPaths: false })).app);
    expect(await send(lenient, "POST", "/x/../pay", "acme")).toMatchObject({ status: 200 });
  });

  it("hands errors of the product's callbacks to Express, and does not let the request pass", async () => {
    for (const tenant of [
      () => {
        throw new Error("no session store");
      },
      () => Promise.reject(new Error("no session store")),
    ]) {
      const { app, carriedOut } = product(expressGuard({ ...options, tenant }));
      const answer = await send(await listen(app), "GET", "/notes", "paying");
      expect(answer).toMatchObject({ status: 500, body: '{"failed":"no session store"}' });
      expect(carriedOut).toEqual([]);
    }
  });

  it("waits for a Dimmer that answers later, and counts", async () => {
    const guard = expressGuard({ ...options, dimmer: new LaterDimmer(new MemoryDimmer(tenants)) });
    const port = await listen(product(guard).app);
    expect(await send(port, "POST", "/notes", "acme")).toMatchObject({ status: 402 });
    expect(await send(port, "POST", "/notes", "paying")).toMatchObject({ status: 200 });
    expect(guard.counts().routes).toEqual([
      { route: "unmatched POST", allowed: 1, denied: 1, open: 0, withoutTenant: 0 },
    ]);
  });

  it("lets streamed bodies through intact, and answers in the midst of one that is denied", async () => {
    const app = express();
    app.use(expressGuard(options));
    app.post("/upload", async (request, response) => {
      let bytes = 0;
      for await (const piece of request) bytes += (piece as Buffer).length;
      response.json({ bytes });
    });
    const port = await listen(app);
    const stream = (tenant: string): Promise<Response> => {
      const piece = new Uint8Array(64 * 1024).fill(7);
      let left = 64;
      const body = new ReadableStream({
        pull(controller) {
          left -= 1;
          if (left >= 0) controller.enqueue(piece);
          else controller.close();
        },
      });
      const headers = { "x-test-session": tenant };
      return fetch(`http://127.0.0.1:${port}/upload`, { method: "POST", headers, body, duplex: "half" } as RequestInit);
    };
    expect(await (await stream("paying")).json()).toEqual({ bytes: 4 * 1024 * 1024 });
    const request = httpRequest({ host: "127.0.0.1", port, path: "/upload", method: "POST" });
    request.setHeader("x-test-session", "acme");
    request.on("error", () => {});
    request.write("the first piece");
    const [denied] = (await once(request, "response")) as [IncomingMessage];
    expect(denied.statusCode).toBe(402);
    request.destroy();
  });

  it("outlives clients that go away while it waits for Dimmer", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const asked = vi.fn();
    const guard = expressGuard({
      ...options,
      tenant: async () => {
        asked();
        await promise;
        return "acme";
      },
    });
    const { app, carriedOut } = product(guard);
    const port = await listen(app);
    const socket = connectTcp(port, "127.0.0.1");
    socket.write("POST /notes HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\npart");
    await vi.waitFor(() => expect(asked).toHaveBeenCalledOnce());
    socket.destroy();
    await once(socket, "close");
    resolve();
    await vi.waitFor(() => expect(guard.counts().routes[0]?.denied).toBe(1));
    expect(await send(port, "POST", "/pay", "acme")).toMatchObject({ status: 200 });
    expect(carriedOut).toEqual(["POST /pay"]);
  });
});
