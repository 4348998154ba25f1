import { once } from "node:events";
import type { Server } from "node:http";
import type { Http2Server } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Principal } from "@dimmer/core";
import type { Counting, GuardOptions } from "../../../src/guard/options.ts";
import type { ProtectedRoutes } from "../../../src/routes/protected-routes.ts";
import type { RouteRule } from "../../../src/routes/route-table.ts";
import { LaterDimmer, locked, MemoryDimmer, unpaid } from "../memory-dimmer.ts";

/** One tenant of each kind that matters. */
const tenants = {
  acme: unpaid("limited"),
  paying: {},
  shut: unpaid("read_only"),
  stopped: locked(),
};

/** How a guard reads a header of whatever request its framework has. */
export type HeaderReader<Request> = (request: Request, name: string) => string | null | undefined;

/** What a test wants otherwise of a guard, whatever its framework. */
export interface Wanted {
  readonly isLater?: boolean;
  readonly routes?: readonly RouteRule[];
  readonly strictPaths?: boolean;
  readonly methodOverrideHeaders?: readonly string[];
  /** Stands for the product's session store; given what the session header says. */
  readonly tenant?: (session: string | undefined) => string | undefined | Promise<string | undefined>;
}

const protectedRoutes: ProtectedRoutes = {
  login: "elsewhere",
  pay: [{ method: "POST", path: "/pay" }],
  export: "elsewhere",
  contact: "elsewhere",
  leave: "elsewhere",
};

/** The options of the guard of these tests: the session stands in `x-test-session`, who acts in `x-test-principal`. */
export function guardOptions<Request>(header: HeaderReader<Request>, wanted: Wanted = {}): GuardOptions<Request> {
  const { isLater = false, tenant = (session) => session, routes = [], strictPaths, methodOverrideHeaders } = wanted;
  const dimmer = new MemoryDimmer(tenants);
  return {
    dimmer: isLater ? new LaterDimmer(dimmer) : dimmer,
    tenant: (request) => tenant(header(request, "x-test-session") ?? undefined),
    principal: (request) => (header(request, "x-test-principal") ?? "member") as Principal,
    routes: [{ path: "/quiet", capability: "create" }, { path: "/health", capability: "open" }, ...routes],
    protected: protectedRoutes,
    ...(strictPaths === undefined ? {} : { strictPaths }),
    ...(methodOverrideHeaders === undefined ? {} : { methodOverrideHeaders }),
  };
}

/** What a product of these tests has done. */
export interface Product extends Counting {
  /** Requests that came to its handlers, as `METHOD path`. */
  readonly carriedOut: string[];
  readonly server: Server | Http2Server;
}

/**
 * A product behind the guard of a framework. Its handlers answer anything with `{ saw, bytes }`: the path and how much of a body
 * came; `POST /echo` sends the body back as it comes; `/broken` throws after an await, which the product's error
 * handling answers with 500.
 */
export interface Framework {
  readonly name: string;
  /** Whether a path that is not written in its canonical way gets 400. */
  readonly isStrict: boolean;
  /** Whether a client's URL parser, not the server, has resolved `..` before the guard sees it. */
  readonly isResolved: boolean;
  readonly product: (wanted?: Wanted) => Promise<Product>;
  /** The same over HTTP/2, where the framework has it. */
  readonly http2?: (wanted?: Wanted) => Promise<Product>;
}

/** A product that listens. Dispose of it to close it with all of its connections. */
export interface Listening extends Product, AsyncDisposable {
  readonly port: number;
}

/** Starts a product on a port that is free. */
export async function listen(made: Promise<Product>): Promise<Listening> {
  const product = await made;
  const { server } = product;
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    ...product,
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, "close");
    },
  };
}
