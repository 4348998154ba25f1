import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Dimmer } from "@dimmer/sdk";
import { expressGuard } from "@dimmer/sdk/express";
import { fastifyGuard } from "@dimmer/sdk/fastify";
import { honoGuard } from "@dimmer/sdk/hono";
import type { ProtectedRoutes, RouteRule } from "@dimmer/sdk/routes";
import express, { type RequestHandler } from "express";
import fastify, { type FastifyPluginCallback } from "fastify";
import { Hono, type MiddlewareHandler } from "hono";

/** The same product three times: bare, with an empty middleware, and with a guard. Each runs so many allowed requests. */
export interface Products {
  readonly bare: Run;
  readonly middleware: Run;
  readonly guard: Run;
}

/** Runs `count` requests, one after the other, and resolves to nanoseconds for each. */
export type Run = (count: number) => Promise<number>;

const routes: readonly RouteRule[] = [
  { path: "/health", capability: "open" },
  { method: "POST", path: "/login", capability: "login" },
  { method: "GET", path: "/session", capability: "login" },
  { method: "GET", path: "/exports/:id", capability: "export" },
  { method: "GET", path: "/api/**", capability: "api.read" },
  { path: "/api/**", capability: "api.write" },
  { path: "/billing/**", capability: "pay" },
  { path: "/contact", capability: "contact" },
  { method: "POST", path: "/cancel", capability: "leave" },
];

const ways: ProtectedRoutes = {
  login: [{ method: "POST", path: "/login" }],
  pay: [{ path: "/billing/**" }],
  export: [{ method: "GET", path: "/exports/:id" }],
  contact: [{ path: "/contact" }],
  leave: [{ method: "POST", path: "/cancel" }],
};

interface GuardedAs {
  readonly dimmer: Dimmer;
  readonly tenant: () => string;
  readonly principal: () => "member";
  readonly routes: readonly RouteRule[];
  readonly protected: ProtectedRoutes;
}

/** A member reads a note, which asks `view` and `login`, for ten tenants in turn. */
function guardOptions(dimmer: Dimmer): GuardedAs {
  let turn = 0;
  const tenant = (): string => `tenant-${(turn++ % 9) + 1}`;
  return { dimmer, tenant, principal: () => "member", routes, protected: ways };
}

/** On Hono, by its own `fetch`: a response is made. */
export function honoProducts(dimmer: Dimmer): Products {
  const runOf = (middleware?: MiddlewareHandler): Run => {
    const app = middleware === undefined ? new Hono() : new Hono().use(middleware);
    app.get("/notes/:id", (c) => c.text("a note"));
    return async (count) => {
      const requests = Array.from({ length: count }, (_, at) => new Request(`http://localhost/notes/${at}?full=1`));
      const start = process.hrtime.bigint();
      for (const request of requests) {
        const response = await app.fetch(request);
        if (response.status !== 200) throw new Error(`a request was answered ${response.status}`);
      }
      return nsEach(start, count);
    };
  };
  return {
    bare: runOf(),
    middleware: runOf((_c, next) => next()),
    guard: runOf(honoGuard(guardOptions(dimmer))),
  };
}

/** On Express, from the request to its handler: no response is written, so that nothing of the kernel is measured. */
export function expressProducts(dimmer: Dimmer): Products {
  const runOf = (middleware?: RequestHandler): Run => {
    const app = express();
    if (middleware !== undefined) app.use(middleware);
    const served = { count: 0 };
    app.get("/notes/:id", () => {
      served.count += 1;
    });
    return (count) => runOnNode(count, served, (request, response) => app(request as never, response as never));
  };
  return {
    bare: runOf(),
    middleware: runOf((_request, _response, next) => next()),
    guard: runOf(expressGuard(guardOptions(dimmer))),
  };
}

/** On Fastify, likewise. */
export async function fastifyProducts(dimmer: Dimmer): Promise<Products> {
  const runOf = async (plugin?: FastifyPluginCallback): Promise<Run> => {
    const app = fastify();
    if (plugin !== undefined) await app.register(plugin);
    const served = { count: 0 };
    app.get("/notes/:id", (_request, reply) => {
      reply.hijack();
      served.count += 1;
    });
    await app.ready();
    return (count) => runOnNode(count, served, (request, response) => app.routing(request, response));
  };
  const empty: FastifyPluginCallback = (app, _options, done) => {
    app.addHook("onRequest", (_request, _reply, next) => next());
    done();
  };
  const emptyEverywhere = Object.assign(empty, { [Symbol.for("skip-override")]: true });
  return {
    bare: await runOf(),
    middleware: await runOf(emptyEverywhere),
    guard: await runOf(fastifyGuard(guardOptions(dimmer))),
  };
}

async function runOnNode(
  count: number,
  served: { count: number },
  dispatch: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<number> {
  const socket = new Socket();
  const pairs = Array.from({ length: count }, (_, at) => {
    const request = new IncomingMessage(socket);
    Object.assign(request, { method: "GET", url: `/notes/${at}?full=1`, headers: { host: "localhost" } });
    return [request, new ServerResponse(request)] as const;
  });
  served.count = 0;
  const start = process.hrtime.bigint();
  for (const [request, response] of pairs) dispatch(request, response);
  const each = nsEach(start, count);
  if (served.count !== count) throw new Error(`${served.count} of ${count} requests reached their handler at once`);
  return each;
}

function nsEach(start: bigint, count: number): number {
  return Number(process.hrtime.bigint() - start) / count;
}
