import { isTenantId, PRINCIPALS, type Principal } from "@dimmer/core";
import { connectEdge, type EdgeDimmer, type EdgeFetcher } from "@dimmer/sdk/edge";
import { type FetchGuard, fetchGuard } from "@dimmer/sdk/fetch";

/** What the Worker is bound to. */
export interface Environment {
  /** A URL of the authority or of a sidecar, or a service binding to one. */
  readonly DIMMER: string | EdgeFetcher;
  /** A fleet credential of the authority. */
  readonly DIMMER_TOKEN?: string;
  readonly DIMMER_TRUST: string;
  readonly DIMMER_AUDIENCE: string;
  /** The API that stands behind. */
  readonly API: { fetch(request: Request): Promise<Response> };
}

/** What the platform gives for what goes on after the answer. */
export interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

interface Door {
  readonly dimmer: EdgeDimmer;
  readonly guard: FetchGuard;
}

/** One for all requests of an isolate: what one request has looked up, the next one finds. */
let door: Promise<Door> | undefined;

async function open(env: Environment): Promise<Door> {
  const { DIMMER: feed, DIMMER_TOKEN: token, DIMMER_TRUST: trust, DIMMER_AUDIENCE: audience } = env;
  // Nothing may go on between requests here: the feed is looked at when somebody asks.
  const dimmer = await connectEdge({ feed, trust, audience, follow: "on-use", waitMs: 0, ...(token && { token }) });
  const guard = fetchGuard({
    dimmer,
    tenant: (request) => sessionOf(request)?.tenant,
    principal: (request) => sessionOf(request)?.principal,
    routes: [{ path: "/health", capability: "open" }],
    protected: {
      login: [{ method: "POST", path: "/login" }],
      pay: [{ method: "POST", path: "/pay" }],
      export: [{ method: "GET", path: "/export.csv" }],
      contact: [{ method: "PUT", path: "/contact" }],
      leave: [{ method: "POST", path: "/cancel" }],
    },
  });
  return { dimmer, guard };
}

/** Stands in for a session: `Authorization: Bearer acme:member`. A product verifies its own cookie here. */
function sessionOf(request: Request): { tenant: string; principal: Principal } | undefined {
  const [, tenant = "", principal = ""] =
    /^Bearer ([^:]+):(\w+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
  const known = PRINCIPALS.find((name) => name === principal);
  return isTenantId(tenant) && known !== undefined ? { tenant, principal: known } : undefined;
}

/** Answers what a presented entitlement token says about one capability: for who calls without a session. */
async function answerPresented(dimmer: EdgeDimmer, token: string, capability: string): Promise<Response> {
  try {
    const presented = await dimmer.verify(token);
    return Response.json(presented.ask({ capability }));
  } catch (error) {
    return Response.json({ error: (error as Error).message }, { status: 400 });
  }
}

const worker: { fetch(request: Request, env: Environment, context: Context): Promise<Response> } = {
  async fetch(request, env, context) {
    door ??= open(env);
    const { dimmer, guard } = await door;
    const token = request.headers.get("dimmer-entitlement");
    const [, capability] = /^\/may\/([\w.]+)$/.exec(new URL(request.url).pathname) ?? [];
    const answer =
      token !== null && capability !== undefined
        ? await answerPresented(dimmer, token, capability)
        : await guard((passed: Request) => env.API.fetch(passed))(request);
    context.waitUntil(dimmer.settled());
    return answer;
  },
};

// biome-ignore lint/style/noDefaultExport: what a Worker is
export default worker;
