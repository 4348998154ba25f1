import type { Dimmer } from "@dimmer/sdk";
import { type FetchGuard, fetchGuard } from "@dimmer/sdk/fetch";
import { sessionOf } from "./sessions.ts";

/** The guard of all route handlers, made once per process: `export const POST = guard(…)` in each `route.ts`. */
export function createGuard(dimmer: Dimmer): FetchGuard {
  return fetchGuard({
    dimmer,
    tenant: (request) => sessionOf(request)?.tenant,
    principal: (request) => sessionOf(request)?.principal,
    routes: [{ path: "/api/health", capability: "open" }],
    protected: {
      login: "elsewhere",
      pay: [{ method: "POST", path: "/api/pay" }],
      export: "elsewhere",
      contact: "elsewhere",
      leave: "elsewhere",
    },
  });
}
