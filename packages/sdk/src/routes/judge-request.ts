import { type Ask, type Decision, INTERACTIVE_PRINCIPALS, LOGIN_CAPABILITY, type Principal } from "@dimmer/core";
import { classify, type RequestFault } from "./classify.ts";
import { type MaybePromise, whenKnown } from "./maybe-promise.ts";
import { type Classification, OPEN, type RouteTable } from "./route-table.ts";

/** Where decisions come from: a replica, the SDK, or a profile in a test. */
export interface DecisionSource {
  ask(tenant: string, ask: Ask): Decision;
}

/** Where decisions come from, at once or later: a sidecar asked over a socket is one as well. */
export interface AnyDecisionSource {
  ask(tenant: string, ask: Ask): MaybePromise<Decision>;
}

/** A request of a tenant, as far as a decision needs it. */
export interface TenantRequest {
  /** From the product's own session, never from what a client states. */
  readonly tenant: string;
  /** Who acts, where it is known. An interactive one must also be let in by `login`. */
  readonly principal?: Principal | undefined;
  readonly method: string;
  /** The request target as it came. */
  readonly target: string;
}

/** A request that asks for nothing: an open route, or `OPTIONS`. */
export interface OpenRequest {
  readonly open: true;
  readonly classification: Classification;
}

/** A request that was decided. The decision is that of the first question denied, else that of the capability. */
export interface DecidedRequest {
  readonly decision: Decision;
  readonly classification: Classification;
}

const isInteractive: ReadonlySet<string> = new Set(INTERACTIVE_PRINCIPALS);

/** The question that a classified request asks about its own capability and feature. Never throws. */
export function routeAsk({ capability, feature }: Classification, principal: Principal | undefined): Ask {
  return {
    capability,
    ...(feature === undefined ? {} : { feature }),
    ...(principal === undefined ? {} : { principal }),
  };
}

/**
 * Judges a request as every door does: classify it, ask for its capability and feature, and for an interactive principal
 * ask for `login` too, which is how sessions end. Never throws, unless the source does.
 *
 * @returns the fault of an ambiguous path or method (answer 400), that nothing is asked, or the decision
 */
export function judgeRequest(
  source: DecisionSource,
  table: RouteTable,
  request: TenantRequest,
): RequestFault | OpenRequest | DecidedRequest {
  const classification = classify(table, request.method, request.target);
  if ("fault" in classification) return classification;
  if (classification.capability === OPEN) return { open: true, classification };
  return { decision: judgeClassified(source, classification, request), classification };
}

/**
 * Judges a request that is classified already, and not open. Answers at once where the source does. Never throws, unless
 * the source does.
 */
export function judgeClassified(
  source: DecisionSource,
  classification: Classification,
  who: Pick<TenantRequest, "tenant" | "principal">,
): Decision;
export function judgeClassified(
  source: AnyDecisionSource,
  classification: Classification,
  who: Pick<TenantRequest, "tenant" | "principal">,
): MaybePromise<Decision>;
export function judgeClassified(
  source: AnyDecisionSource,
  classification: Classification,
  { tenant, principal }: Pick<TenantRequest, "tenant" | "principal">,
): MaybePromise<Decision> {
  const decision = source.ask(tenant, routeAsk(classification, principal));
  if (principal === undefined || !isInteractive.has(principal) || classification.capability === LOGIN_CAPABILITY) {
    return decision;
  }
  return whenKnown(decision, (own) => {
    if (!own.allowed) return own;
    const login = source.ask(tenant, { capability: LOGIN_CAPABILITY, principal });
    return whenKnown(login, (answer) => (answer.allowed ? own : answer));
  });
}
