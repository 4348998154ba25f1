import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import type { Dimmer } from "@dimmer/sdk";
import { graphqlWsGuard } from "@dimmer/sdk/graphql-ws";
import type { GraphQLSchema } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";
import { fields, protectedFields } from "./operations.ts";
import { type Session, sessionOf } from "./sessions.ts";

interface Context {
  readonly session: Session | undefined;
}

/** GraphQL over WebSockets at `/graphql` of a server, by the protocol of graphql-ws. The guard of requests sees no upgrades. */
export function openSockets(server: Server, dimmer: Dimmer, schema: GraphQLSchema): void {
  const guard = graphqlWsGuard<Context>({
    dimmer,
    tenant: ({ session }) => session?.tenant,
    principal: ({ session }) => session?.principal,
    fields,
    protected: protectedFields,
  });
  const sockets = new WebSocketServer({ noServer: true });
  useServer(
    {
      schema,
      context: ({ extra }): Context => ({ session: sessionOf(extra.request) }),
      // Closes the socket when its session ends, with the reason.
      onConnect: ({ extra }) => guard.admit({ session: sessionOf(extra.request) }, extra.socket),
      execute: guard.execute,
      subscribe: guard.subscribe,
    },
    sockets,
  );
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (request.url !== "/graphql" || sessionOf(request) === undefined) {
      return socket.end("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    }
    sockets.handleUpgrade(request, socket, head, (connected) => sockets.emit("connection", connected, request));
    return undefined;
  });
  server.on("close", () => sockets.close());
}
