import { createServer, type Server } from "node:http";
import type { Dimmer } from "@dimmer/sdk";
import { nodeGuard } from "@dimmer/sdk/node";
import { yogaGuard } from "@dimmer/sdk/yoga";
import { createYoga, type YogaInitialContext } from "graphql-yoga";
import { fields, protectedFields } from "./operations.ts";
import { createNotesSchema } from "./schema.ts";
import { type Session, sessionOf } from "./sessions.ts";
import { openSockets } from "./sockets.ts";

/** The product: GraphQL is judged by operation, everything else of the server by route. */
export function createApp(dimmer: Dimmer): Server {
  const schema = createNotesSchema();
  const yoga = createYoga({
    schema,
    batching: true,
    plugins: [
      yogaGuard<YogaInitialContext>({
        dimmer,
        tenant: ({ request }) => sessionOfRequest(request)?.tenant,
        principal: ({ request }) => sessionOfRequest(request)?.principal,
        acceptLanguage: ({ request }) => request.headers.get("accept-language") ?? undefined,
        fields,
        protected: protectedFields,
      }),
    ],
  });
  const guard = nodeGuard({
    dimmer,
    tenant: (request) => sessionOf(request)?.tenant,
    principal: (request) => sessionOf(request)?.principal,
    // Every operation comes by POST: the plugin judges it, the route does not.
    routes: [{ path: "/graphql", capability: "open" }],
    protected: { login: "elsewhere", pay: "elsewhere", export: "elsewhere", contact: "elsewhere", leave: "elsewhere" },
  });
  const server = createServer((request, response) => {
    guard(request, response, (error) => {
      if (error === undefined) void yoga(request, response);
      else response.writeHead(500).end();
    });
  });
  openSockets(server, dimmer, schema);
  return server;
}

function sessionOfRequest(request: Request): Session | undefined {
  return sessionOf({ headers: Object.fromEntries(request.headers) });
}
