import {
  type CompiledPolicy,
  compileLinted,
  compileStandardPolicy,
  type Decision,
  type ExplainedCause,
  type Explanation,
  judge,
  judgeFeature,
  type Lock,
  type PolicyDocument,
  PRINCIPALS,
  type Principal,
  type RestrictionStanding,
  type RestrictionTerms,
  type Standing,
  standingOf,
} from "@dimmer/core";

/** What is known without asking the sidecar, and when. Without a policy the standard one speaks. */
export interface ToldHere {
  readonly policy: PolicyDocument | undefined;
  readonly lock: Lock | undefined;
  /** Unix milliseconds. */
  readonly nowMs: number;
  readonly freshness: "fresh" | "stale";
}

/** A standing, and the case of each of its restrictions. */
export interface ToldStanding {
  readonly standing: Standing;
  readonly cases: readonly string[];
}

/** A decision, of a feature or not. */
type Asked = Decision & { readonly feature?: string };

/**
 * Puts a tenant's standing together again from its explanation: each cause with its step in force, what that denies, and
 * its next step. It is for texts, and no answer to a question. Never throws.
 *
 * @param decision what was denied, where something was: its cause and reason tell whose steps deny by name
 */
export function standingFrom(explanation: Explanation | undefined, here: ToldHere, decision?: Decision): ToldStanding {
  const policy = compiled(here.policy);
  const causes = explanation?.causes ?? [];
  const moment = {
    nowMs: instantOf(causes, here.nowMs),
    horizonMs: Number.POSITIVE_INFINITY,
    freshness: here.freshness,
  };
  const isKnown = explanation?.held === true && explanation.reason === undefined;
  const toldLock = explanation?.lock;
  const lock = here.lock ?? (toldLock && { ...toldLock, sinceMs: Date.parse(toldLock.since) });
  const standingLess = (deny: readonly string[]): Standing => {
    const restrictions = causes.map((told) => {
      const isDenying = isDenyingByName(told, decision);
      return restrictionOf(told, isDenying ? deny : deny.filter((name) => name !== decision?.capability));
    });
    const terms = isKnown ? { plan: explanation.plan ?? "", restrictions } : undefined;
    return standingOf({ policy, held: explanation?.held ?? false, lock, terms }, moment);
  };
  const byModes = standingLess([]);
  const isDenied = (name: string): boolean =>
    explanation?.stillAllowed.includes(name) === false && judge(byModes, name, "admin").allowed;
  // The explanation does not tell what a step denies by name: it is what the modes leave open and the tenant has not.
  const denied = isKnown ? [...policy.bits.keys()].filter(isDenied) : [];
  return { standing: standingLess(denied), cases: causes.map((told) => told.case ?? "") };
}

/** What is denied by name is denied to every class: where some class is admitted, another cause denies it so. */
function isDenyingByName({ cause }: ExplainedCause, decision: Decision | undefined): boolean {
  if (decision?.cause === undefined) return true;
  return (cause === decision.cause) === (decision.reason === "restricted");
}

/**
 * The same standing, less what a decision says to be denied: an explanation tells of modes and of what is left to an
 * admin, not of features and single classes. Never throws.
 */
export function withoutDenied(standing: Standing, decision: Asked, principal: Principal | undefined): Standing {
  const { capability, feature, cause, reason } = decision;
  const isFeatureAlone = feature !== undefined && capability === `feature:${feature}`;
  const who = principal === undefined ? {} : { principal };
  const again =
    feature === undefined
      ? judge(standing, capability, principal)
      : judgeFeature(standing, feature, isFeatureAlone ? who : { capability, ...who });
  const bit = standing.state.policy.bits.get(capability);
  const isFound = again.reason === reason && again.cause === cause;
  if (isFound || (feature === undefined && bit === undefined)) return standing;
  const mask = 1 << (bit ?? 0);
  const restrictions = standing.restrictions.map((restriction): RestrictionStanding => {
    if (restriction.cause !== cause) return restriction;
    const { rights, deniedFeatures } = restriction;
    if (feature !== undefined) return { ...restriction, deniedFeatures: new Set(deniedFeatures).add(feature) };
    const isAsked = (index: number): boolean => principal === undefined || PRINCIPALS[index] === principal;
    return { ...restriction, rights: rights.map((bits, index) => (isAsked(index) ? bits & ~mask : bits)) };
  });
  return { ...standing, restrictions };
}

/** An instant at which the explanation holds: what it says has begun has, and what it says will come has not. */
function instantOf(causes: readonly ExplainedCause[], nowMs: number): number {
  const begun = causes.flatMap(({ since }) => (since === undefined ? [] : [Date.parse(since)]));
  const coming = causes.flatMap(({ next }) => (next === undefined ? [] : [Date.parse(next.at) - 1]));
  return Math.max(...begun, Math.min(...coming, nowMs));
}

function restrictionOf(told: ExplainedCause, deny: readonly string[]): RestrictionTerms {
  const { cause, mode, since, next, exception } = told;
  const inForce = since === undefined ? [] : [{ atMs: Date.parse(since), mode, deny }];
  const coming = next === undefined ? [] : [{ atMs: Date.parse(next.at), mode: next.mode }];
  const steps = [...inForce, ...coming];
  if (exception === undefined) return { cause, steps };
  const { floor, from, until } = exception;
  return { cause, steps, exception: { floor, fromMs: Date.parse(from), untilMs: Date.parse(until) } };
}

let last: { readonly document: PolicyDocument; readonly policy: CompiledPolicy } | undefined;

function compiled(document: PolicyDocument | undefined): CompiledPolicy {
  if (document === undefined) return compileStandardPolicy();
  if (last?.document !== document) last = { document, policy: compileLinted(document) };
  return last.policy;
}
