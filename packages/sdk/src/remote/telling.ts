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
  const { cause, mode, since, next } = value;
  const isNext = next === undefined || (isRecord(next) && isInstant(next["at"]) && typeof next["mode"] === "string");
  const isKnown = RESTRICTION_CAUSES.some((known) => known === cause);
  return isKnown && typeof mode === "string" && (since === undefined || isInstant(since)) && isNext;
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
  return denialOf(decision, standingFrom(explanation, here).standing, {
    tenant,
    cases: explanation?.causes.map((cause) => cause.case ?? "") ?? [],
    ...options,
  });
}

function standingFrom(explanation: Explanation | undefined, here: ToldHere): { standing: Standing; cases: string[] } {
  const policy = compiled(here.policy);
  const { lock, nowMs, freshness } = here;
  const restrictions = explanation?.causes.map(restrictionOf) ?? [];
  const isKnown = explanation?.held === true && explanation.reason === undefined;
  const state = {
    policy,
    held: explanation?.held ?? false,
    lock,
    terms: isKnown ? { plan: explanation.plan ?? "", restrictions } : undefined,
  };
  const standing = standingOf(state, { nowMs, horizonMs: Number.POSITIVE_INFINITY, freshness });
  return { standing, cases: explanation?.causes.map((cause) => cause.case ?? "") ?? [] };
}

function restrictionOf({ cause, mode, since, next }: ExplainedCause): RestrictionTerms {
  const inForce = since === undefined ? [] : [{ atMs: Date.parse(since), mode }];
  return {
    cause,
    steps: [...inForce, ...(next === undefined ? [] : [{ atMs: Date.parse(next.at), mode: next.mode }])],
  };
}

let last: { readonly document: PolicyDocument; readonly policy: CompiledPolicy } | undefined;

function compiled(document: PolicyDocument | undefined): CompiledPolicy {
  if (document === undefined) return compileStandardPolicy();
  if (last?.document !== document) last = { document, policy: compileLinted(document) };
  return last.policy;
}
