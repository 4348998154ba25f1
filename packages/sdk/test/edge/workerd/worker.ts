import type { Decision, Principal } from "@dimmer/core";
import { connectEdge, type EdgeDimmer, type EdgeFetcher } from "@dimmer/sdk/edge";

interface Environment {
  readonly FEED: EdgeFetcher;
  readonly TRUST: string;
  readonly AUDIENCE: string;
}

interface Context {
  waitUntil(promise: Promise<unknown>): void;
}

/** One for all requests of an isolate: what one request has loaded the next one finds. */
let edge: Promise<EdgeDimmer> | undefined;

const worker: { fetch(request: Request, env: Environment, context: Context): Promise<Response> } = {
  async fetch(request, env, context) {
    const { TRUST: trust, AUDIENCE: audience, FEED: feed } = env;
    edge ??= connectEdge({ feed, trust, audience, follow: "on-use", pollMs: 50, waitMs: 0 });
    const dimmer = await edge;
    const { token, tenant, capability, principal } = (await request.json()) as Record<string, string>;
    context.waitUntil(dimmer.settled());
    try {
      const decision: Decision =
        token === undefined
          ? await dimmer.check(tenant ?? "", capability ?? "", principal as Principal)
          : (await dimmer.verify(token)).ask({ capability: capability ?? "", principal: principal as Principal });
      return Response.json({ decision, status: dimmer.status(), isNode: "process" in globalThis });
    } catch (error) {
      return Response.json({ code: (error as { code?: unknown }).code ?? String(error) });
    }
  },
};

// biome-ignore lint/style/noDefaultExport: what a Worker is
export default worker;
