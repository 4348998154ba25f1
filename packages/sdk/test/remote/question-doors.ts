import type { IncomingMessage } from "node:http";
import { compileStandardPolicy, type Decision, decide, explain, PRINCIPALS, standingOf } from "@dimmer/core";
import { entitlementFromWire, lockFromWire } from "@dimmer/statement";
import type { Door } from "../connect/feed-server.ts";
import type { FeedContent } from "../connect/live-feed.ts";

/** The body of a request as JSON. */
async function jsonOf(req: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
}

/**
 * The questions of a sidecar, answered by `decide` over what a feed says. The content is read at every question, so a
 * test may change it.
 */
export function questionDoors(content: () => FeedContent): Door {
  const policy = compileStandardPolicy();
  const stateOf = (tenant: unknown) => {
    const entitlement = content().entitlements?.find((item) => item.tenant === tenant);
    const lock = content().locks?.find((item) => item.tenant === tenant);
    return {
      policy,
      held: true,
      ...(entitlement && { terms: entitlementFromWire(entitlement) }),
      ...(lock && { lock: lockFromWire(lock) }),
    };
  };
  const moment = () => ({ nowMs: Date.now(), horizonMs: Date.now() + 1, freshness: "fresh" as const });
  const answer = ({ tenant, ...ask }: Record<string, unknown>): Decision | object => {
    const { principal } = ask;
    const isClass = principal === undefined || (PRINCIPALS as readonly unknown[]).includes(principal);
    if (!isClass) return { error: { title: "The question is malformed", field: "principal" } };
    return decide(stateOf(tenant), ask, moment());
  };
  return async (req, res) => {
    const { pathname } = new URL(req.url ?? "", "http://sidecar");
    const send = (value: unknown): boolean => {
      res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
      return true;
    };
    if (pathname === "/v1/check") return send(answer(await jsonOf(req)));
    if (pathname === "/v1/checks") {
      const { checks } = (await jsonOf(req)) as { checks: Record<string, unknown>[] };
      return send({ decisions: checks.map(answer) });
    }
    const [, id] = /^\/v1\/tenants\/([^/]+)$/.exec(pathname) ?? [];
    if (id === undefined) return false;
    const tenant = decodeURIComponent(id);
    const cases = content()
      .entitlements?.find((item) => item.tenant === tenant)
      ?.restrictions?.map((r) => r.case);
    const locale = req.headers["accept-language"];
    return send(explain(standingOf(stateOf(tenant), moment()), { tenant, cases: cases ?? [], locale }));
  };
}
