import type { Ask, CompiledPolicy, Decision, FeatureDecision } from "@dimmer/core";
import type { Replica } from "@dimmer/feed/follow";
import {
  canonicalPath,
  type DecidedRequest,
  isCanonical,
  judgeRequest,
  type OpenRequest,
  type RouteTable,
} from "@dimmer/sdk/routes";
import { parseVersion, type Version } from "@dimmer/statement";
import { type Question, QuestionFault } from "./question.ts";

/** What answers a question about a request that asks for nothing. */
const OPEN = "open";

/**
 * Decides a well-formed question by what the replica holds: the same answer as in process. A question about a `request`
 * is classified by the route table, and asks `login` too for an interactive principal. Allocates nothing for a plain
 * capability. Never throws.
 *
 * @returns the decision, or what is wrong with the question where only its route tells (an ambiguous path; usage of a
 * route without a feature)
 */
export function decideQuestion(
  replica: Replica,
  routes: RouteTable,
  question: Question,
): Decision | FeatureDecision | QuestionFault {
  const { tenant, capability, principal, feature, request } = question;
  const atLeast = question.atLeast === undefined ? undefined : parseVersion(question.atLeast);
  if (request !== undefined) return decideRequest(replica, routes, question, atLeast);
  if (capability !== undefined && feature === undefined && atLeast === undefined) {
    return replica.check(tenant, capability, principal);
  }
  return replica.ask(tenant, askOf(question, capability, feature), atLeast);
}

/**
 * Tells why a request is not judged: who asks may carry it out as it was written, or put its method in capitals first, so
 * what is written in another than the canonical way could be judged as one request and be another. Never throws.
 *
 * @see docs/adr/0021-the-sidecar-takes-canonical-paths.md
 */
export function faultOfRequest(method: string, path: string): QuestionFault | undefined {
  if (method !== method.toUpperCase())
    return new QuestionFault("request.method", "is ambiguous: it is not in capitals");
  if (isCanonical(path)) return undefined;
  const read = canonicalPath(path);
  const why = "fault" in read ? read.fault : `not written in its canonical way, ${read.path}`;
  return new QuestionFault("request.path", `is ambiguous: ${why}`);
}

function decideRequest(
  replica: Replica,
  routes: RouteTable,
  question: Question,
  atLeast: Version | undefined,
): Decision | FeatureDecision | QuestionFault {
  const { tenant, principal, usage } = question;
  const { method, path } = question.request as NonNullable<Question["request"]>;
  const source = { ask: (about: string, ask: Ask) => replica.ask(about, ask, atLeast) };
  const fault = faultOfRequest(method, path);
  if (fault !== undefined) return fault;
  // A canonical path has no fault.
  const judged = judgeRequest(source, routes, { tenant, principal, method, target: path }) as
    | OpenRequest
    | DecidedRequest;
  const feature = question.feature ?? (usage === undefined ? undefined : judged.classification.feature);
  if (usage !== undefined && feature === undefined) {
    return new QuestionFault("usage", "needs a feature, and the route of this request has none");
  }
  if ("open" in judged) {
    return feature === undefined
      ? openDecision(replica, tenant)
      : source.ask(tenant, askOf(question, undefined, feature));
  }
  const { decision } = judged;
  if (!decision.allowed || feature === undefined) return decision;
  return source.ask(tenant, askOf(question, judged.classification.capability, feature));
}

function askOf({ principal, usage }: Question, capability: string | undefined, feature: string | undefined): Ask {
  return {
    ...(capability === undefined ? {} : { capability }),
    ...(feature === undefined ? {} : { feature }),
    ...(usage === undefined ? {} : { usage }),
    ...(principal === undefined ? {} : { principal }),
  };
}

/** The answers where nothing is asked: one object a mode and freshness, as all others are. */
const opened = new WeakMap<CompiledPolicy, Map<string, Decision>>();

/** The answer where nothing is asked: allowed for everyone, with the mode shown for the tenant. */
function openDecision(replica: Replica, tenant: string): Decision {
  const { standing } = replica.about(tenant);
  const { policy, held, terms } = standing.state;
  const freshness = held && terms !== undefined ? standing.moment.freshness : "fallback";
  const known = opened.get(policy) ?? new Map<string, Decision>();
  opened.set(policy, known);
  const key = `${standing.mode} ${freshness}`;
  const decision = known.get(key) ?? {
    allowed: true,
    capability: OPEN,
    mode: standing.mode,
    reason: "granted",
    freshness,
  };
  known.set(key, Object.freeze(decision));
  return decision;
}
