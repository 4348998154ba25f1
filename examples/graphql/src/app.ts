import { createServer, type Server } from "node:http";
import type { Dimmer } from "@dimmer/sdk";
import { nodeGuard } from "@dimmer/sdk/node";
import { yogaGuard } from "@dimmer/sdk/yoga";
import { createYoga, type YogaInitialContext } from "graphql-yoga";
import { createNotesSchema } from "./schema.ts";
import { type Session, sessionOf } from "./sessions.ts";

/** The product: GraphQL is judged by operation, everything else of the server by route. */
export function createApp(dimmer: Dimmer): Server {
  const yoga = createYoga({
    schema: createNotesSchema(),
    batching: true,
    plugins: [
      yogaGuard<YogaInitialContext>({
        dimmer,
        tenant: ({ request }) => sessionOfRequest(request)?.tenant,
        principal: ({ request }) => sessionOfRequest(request)?.principal,
        acceptLanguage: ({ request }) => request.headers.get("accept-language") ?? undefined,
        fields: { "mutation.deleteNote": "delete" },
        protected: {
          login: "elsewhere",
          pay: ["mutation.pay"],
          export: ["query.exportNotes"],
          contact: "elsewhere",
          leave: "elsewhere",
        },
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
  return createServer((request, response) => {
    guard(request, response, (error) => {
      if (error === undefined) void yoga(request, response);
      else response.writeHead(500).end();
    });
  });
}

function sessionOfRequest(request: Request): Session | undefined {
  return sessionOf({ headers: Object.fromEntries(request.headers) });
}
