import {
  type CompiledPolicy,
  compileLinted,
  compileStandardPolicy,
  type Decision,
  type Denial,
  denialOf,
  type ExplainedCause,
  type Explanation,
  explain,
  isName,
  judge,
  type Lock,
  type PolicyDocument,
  type Principal,
  RESTRICTION_CAUSES,
  type RestrictionTerms,
  type Standing,
  standingOf,
} from "@dimmer/core";
import { isRecord } from "./answer.ts";

/** What is known without asking the sidecar, and when. Without a policy the standard one speaks. */
export interface ToldHere {
  readonly policy: PolicyDocument | undefined;
  readonly lock: Lock | undefined;
  /** Unix milliseconds. */
  readonly nowMs: number;
  readonly freshness: "fresh" | "stale";
}

/** Reads what `/v1/tenants/{id}` answered; `undefined` where it is no explanation of that tenant. Never throws. */
export function readExplanation(value: unknown, tenant: string): Explanation | undefined {
  if (!isRecord(value)) return undefined;
  const { mode, held, causes, stillAllowed, links, features } = value;
  const isWhole =
    value["tenant"] === tenant &&
    typeof mode === "string" &&
    typeof held === "boolean" &&
    Array.isArray(causes) &&
    causes.every(isCause) &&
    Array.isArray(stillAllowed) &&
    isRecord(links) &&
    isRecord(features);
  return isWhole ? (value as unknown as Explanation) : undefined;
}

function isCause(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { cause, mode, since, next, exception } = value;
  const isException =
    exception === undefined ||
    (isRecord(exception) &&
      isInstant(exception["from"]) &&
      isInstant(exception["until"]) &&
      isName(exception["floor"]));
  const isNext = next === undefined || (isRecord(next) && isInstant(next["at"]) && typeof next["mode"] === "string");
  const isKnown = RESTRICTION_CAUSES.some((known) => known === cause);
  return isKnown && typeof mode === "string" && (since === undefined || isInstant(since)) && isNext && isException;
}

function isInstant(value: unknown): boolean {
  return typeof value === "string" && !Number.isNaN(Date.parse(value));
}

/** Explains a tenant of which only the policy and the lock are known. Never throws. */
export function explainHere(tenant: string, here: ToldHere, locale: string | undefined): Explanation {
  const { standing, cases } = standingFrom(undefined, here);
  return explain(standing, { tenant, cases, locale });
}

/**
 * The denial for a decision about a tenant that the sidecar explained, or did not. It is core's, over a standing that
 * is put together again from the explanation: each cause with its step in force and its next one.
 *
 * @throws {TypeError} where the decision allows
 */
export function denialHere(
  tenant: string,
  decision: Decision,
  explanation: Explanation | undefined,
  { here, ...options }: { here: ToldHere; acceptLanguage?: string; principal?: Principal },
): Denial {
  const { standing, cases } = standingFrom(explanation, here);
  return denialOf(decision, standing, { tenant, cases, ...options });
}

function standingFrom(explanation: Explanation | undefined, here: ToldHere): { standing: Standing; cases: string[] } {
  const policy = compiled(here.policy);
  const causes = explanation?.causes ?? [];
  const moment = {
    nowMs: instantOf(causes, here.nowMs),
    horizonMs: Number.POSITIVE_INFINITY,
    freshness: here.freshness,
  };
  const isKnown = explanation?.held === true && explanation.reason === undefined;
  const standingLess = (deny: readonly string[]): Standing => {
    const restrictions = causes.map((cause) => restrictionOf(cause, deny));
    const terms = isKnown ? { plan: explanation.plan ?? "", restrictions } : undefined;
    return standingOf({ policy, held: explanation?.held ?? false, lock: here.lock, terms }, moment);
  };
  const byModes = standingLess([]);
  const isDenied = (name: string): boolean =>
    explanation?.stillAllowed.includes(name) === false && judge(byModes, name, "admin").allowed;
  // The explanation does not tell what a step denies by name: it is what the modes leave open and the tenant has not.
  const denied = isKnown ? [...policy.bits.keys()].filter(isDenied) : [];
  return { standing: standingLess(denied), cases: causes.map((cause) => cause.case ?? "") };
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
