import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { DimmerError } from "@dimmer/core";
import { getRequestListener } from "@hono/node-server";
import { createApp, refusalOf } from "./api/app.ts";
import { countAnswer } from "./api/counters.ts";
import { problemOf, writeProblem } from "./api/problem.ts";
import { RateLimiter } from "./api/rate-limit.ts";
import { allOperations } from "./api/resources/all.ts";
import type { Service } from "./api/service.ts";
import type { AuthorityConfig } from "./config/read.ts";
import { answerEntitlement, isEntitlementTarget } from "./entitlement-tokens/entitlement-door.ts";
import { TokenDesk } from "./entitlement-tokens/token-desk.ts";
import { answerFeed, refuseFeed } from "./feed/feed-doors.ts";
import type { FleetGate } from "./feed/fleet-gate.ts";
import { PartCache } from "./feed/part-cache.ts";
import { storeSource } from "./feed/store-source.ts";

const MAX_HEADER_BYTES = 16 * 1024;

/** Makes the server of the doors, which does not listen yet: the feed straight on `node:http`, the rest through Hono. */
export function createAuthorityServer(service: Service, gate: FleetGate, config: AuthorityConfig): Server {
  const limiter = new RateLimiter({ perSecond: config.ratePerSecond, burst: config.ratePerSecond * 5 });
  const desk = new TokenDesk(service);
  const app = createApp(service, allOperations(), limiter);
  const api = getRequestListener(app.fetch, {
    overrideGlobalObjects: false,
    errorHandler: (error) => {
      const { problem } = refusalOf(service, error);
      return new Response(JSON.stringify(problem), { status: problem.status });
    },
  });
  const parts = new PartCache(storeSource(service.store));
  const server = createServer(
    {
      // A bulk import is one long request: bodies have a time limit of their own.
      requestTimeout: 0,
      headersTimeout: 10_000,
      keepAliveTimeout: 75_000,
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      if (service.isStopping()) response.setHeader("connection", "close");
      const target = request.url ?? "";
      if (!target.startsWith("/") || !URL.canParse(target, "http://localhost") || target.startsWith("//")) {
        writeProblem(response, problemOf("malformed", "the request target must be a path"));
        return;
      }
      const isToken = isEntitlementTarget(target);
      if (!isToken && !/^\/v1\/feed(?:[/?]|$)/.test(target)) {
        void api(request, response);
        return;
      }
      const answered = isToken
        ? answerEntitlement({ desk, gate }, request, response)
        : answerFeed({ service, gate, parts }, request, response);
      answered
        .catch((error: unknown) => {
          const { problem, headers } = refusalOf(service, error);
          refuseFeed(response, problem, headers);
        })
        .finally(() => countAnswer(service.counters, response.statusCode));
    },
  );
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) socket.destroy();
    else {
      const body = JSON.stringify(problemOf("malformed", "the bytes are not HTTP/1.1, or their headers are too large"));
      const head = `HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}`;
      socket.end(`${head}\r\nconnection: close\r\n\r\n${body}`);
    }
  });
  return server;
}

/** Listens. @returns the URL, its port also where 0 was asked for @throws {DimmerError} `listen_failed` */
export function listen(server: Server, { host, port }: AuthorityConfig): Promise<string> {
  return new Promise((resolve, reject) => {
    const onError = ({ code, message }: NodeJS.ErrnoException): void => {
      const why =
        code === "EADDRINUSE" ? `is taken on ${host}` : `cannot be listened on at ${host} (${code ?? message})`;
      reject(new DimmerError("listen_failed", `--port ${port}: ${why}. Choose another --port or --host.`));
    };
    server.once("error", onError);
    server.listen({ host, port }, () => {
      server.off("error", onError);
      const named = host.includes(":") ? `[${host}]` : host;
      resolve(`http://${named}:${(server.address() as AddressInfo).port}`);
    });
  });
}

const IDLE_SWEEP_MS = 20;

/** Stops: no new connection, requests under way may finish within `drainMs`. Never rejects. */
export function drain(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
    const cut = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
