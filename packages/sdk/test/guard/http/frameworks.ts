import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { Readable } from "node:stream";
import { createAdaptorServer } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { type Context, Hono } from "hono";
import { expressGuard } from "../../../src/express/index.ts";
import { fastifyGuard } from "../../../src/fastify/index.ts";
import { fetchGuard } from "../../../src/fetch/index.ts";
import { honoGuard } from "../../../src/hono/index.ts";
import { nodeGuard } from "../../../src/node/index.ts";
import { type Framework, guardOptions, type Product, type Wanted } from "./guarded-server.ts";

async function countBytes(body: AsyncIterable<unknown>): Promise<number> {
  let bytes = 0;
  for await (const piece of body) bytes += (piece as Uint8Array).length;
  return bytes;
}

const fail = async (): Promise<never> => {
  await new Promise(setImmediate);
  throw new Error("the product's handler");
};

const nodeHeader = ({ headers }: Pick<IncomingMessage, "headers">, name: string): string | undefined =>
  headers[name] as string | undefined;

function nodeProduct(make: typeof createServer, wanted?: Wanted): Product {
  const guard = nodeGuard(guardOptions<IncomingMessage>(nodeHeader, wanted));
  const carriedOut: string[] = [];
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    carriedOut.push(`${request.method} ${request.url}`);
    if (request.url === "/broken") await fail();
    if (request.url === "/echo") {
      request.pipe(response);
      return;
    }
    response.end(JSON.stringify({ saw: request.url, bytes: await countBytes(request) }));
  };
  const answerError = (response: ServerResponse, error: Error): void => {
    response.statusCode = 500;
    response.end(JSON.stringify({ failed: error.message }));
  };
  const server = make((request: IncomingMessage, response: ServerResponse) => {
    guard(request, response, (error) => {
      if (error !== undefined) answerError(response, error as Error);
      else handle(request, response).catch((thrown: Error) => answerError(response, thrown));
    });
  });
  return { server, carriedOut, counts: () => guard.counts() };
}

function expressProduct(wanted?: Wanted): Product {
  const guard = expressGuard(guardOptions<express.Request>(nodeHeader, wanted));
  const carriedOut: string[] = [];
  const app = express();
  app.use(guard);
  app.use((request, _response, next) => {
    carriedOut.push(`${request.method} ${request.url}`);
    next();
  });
  app.get("/broken", fail);
  app.post("/echo", (request, response) => void request.pipe(response));
  app.use(async (request, response) => {
    response.json({ saw: request.url, bytes: await countBytes(request) });
  });
  app.use((error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    response.status(500).json({ failed: error.message });
  });
  return { server: createServer(app), carriedOut, counts: () => guard.counts() };
}

async function fastifyProduct(wanted?: Wanted, more: object = {}): Promise<Product> {
  const guard = fastifyGuard(guardOptions(nodeHeader, wanted));
  const carriedOut: string[] = [];
  const app = fastify(more);
  await app.register(guard);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
  app.setErrorHandler<Error>((error, _request, reply) => reply.code(500).send({ failed: error.message }));
  // In a plugin of its own: hooks of the guard are its parent's as well.
  await app.register(async (below) => {
    below.addHook("preParsing", async (request) => void carriedOut.push(`${request.method} ${request.url}`));
    below.get("/broken", fail);
    below.post("/echo", (request, reply) => reply.send(request.body));
    below.all("/*", async (request) => ({
      saw: request.url,
      bytes: await countBytes((request.body as Readable | undefined) ?? Readable.from([])),
    }));
  });
  await app.ready();
  return { server: app.server, carriedOut, counts: () => guard.counts() };
}

type Fetch = Parameters<typeof createAdaptorServer>[0]["fetch"];

/** A server of Web requests; over HTTP/2 without TLS where that is wanted, which its types do not have. */
function serverOf(fetch: Fetch, isHttp2: boolean): Product["server"] {
  const more = isHttp2 ? ({ createServer: createHttp2Server } as unknown as object) : {};
  return createAdaptorServer({ fetch, ...more }) as Product["server"];
}

function honoProduct(wanted?: Wanted, isHttp2 = false): Product {
  const guard = honoGuard(guardOptions<Context>((c, name) => c.req.header(name), wanted));
  const carriedOut: string[] = [];
  const app = new Hono();
  app.onError((error, c) => c.json({ failed: error.message }, 500));
  app.use(guard);
  app.use(async (c, next) => {
    carriedOut.push(`${c.req.method} ${c.req.path}`);
    await next();
  });
  app.get("/broken", fail);
  app.post("/echo", (c) => new Response(c.req.raw.body));
  app.all("/*", async (c) => c.json({ saw: c.req.path, bytes: (await c.req.arrayBuffer()).byteLength }));
  return { server: serverOf(app.fetch, isHttp2), carriedOut, counts: () => guard.counts() };
}

function fetchProduct(wanted?: Wanted, isHttp2 = false): Product {
  const guard = fetchGuard(guardOptions<Request>((request, name) => request.headers.get(name), wanted));
  const carriedOut: string[] = [];
  const guarded = guard(async (request: Request) => {
    const { pathname } = new URL(request.url);
    carriedOut.push(`${request.method} ${pathname}`);
    if (pathname === "/broken") await fail();
    if (pathname === "/echo") return new Response(request.body);
    return Response.json({ saw: pathname, bytes: (await request.arrayBuffer()).byteLength });
  });
  // What a platform makes of a handler that rejects.
  const handler = (request: Request): Promise<Response> =>
    guarded(request).catch((error: Error) => Response.json({ failed: error.message }, { status: 500 }));
  return { server: serverOf(handler, isHttp2), carriedOut, counts: () => guard.counts() };
}

/** The guards of everything that takes HTTP, each in front of the same product. */
export const frameworks: readonly Framework[] = [
  {
    name: "nodeGuard",
    isStrict: false,
    isResolved: false,
    product: async (wanted) => nodeProduct(createServer, wanted),
    http2: async (wanted) => nodeProduct(createHttp2Server as unknown as typeof createServer, wanted),
  },
  { name: "expressGuard", isStrict: true, isResolved: false, product: async (wanted) => expressProduct(wanted) },
  {
    name: "fastifyGuard",
    isStrict: true,
    isResolved: false,
    product: (wanted) => fastifyProduct(wanted),
    http2: (wanted) => fastifyProduct(wanted, { http2: true }),
  },
  {
    name: "honoGuard",
    isStrict: false,
    isResolved: true,
    product: async (wanted) => honoProduct(wanted),
    http2: async (wanted) => honoProduct(wanted, true),
  },
  {
    name: "fetchGuard",
    isStrict: false,
    isResolved: true,
    product: async (wanted) => fetchProduct(wanted),
    http2: async (wanted) => fetchProduct(wanted, true),
  },
];
