import type { Decision, FeatureDecision, FeatureDocument } from "@dimmer/core";
import { decideQuestion } from "../../decide-question.ts";
import type { Question } from "../../question.ts";
import type { CheckDesk } from "../check.ts";
import { askOfFlag } from "./flags.ts";
import type { Target } from "./read-context.ts";

/** A flag as it is answered; without a value the caller's own default holds. */
export interface EvaluatedFlag {
  readonly key: string;
  readonly value?: unknown;
  /** `UNKNOWN`: the answer is a fallback. */
  readonly reason: "TARGETING_MATCH" | "DISABLED" | "UNKNOWN";
  readonly variant: "on" | "off";
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
}

/** What a limit without an end is as a number: larger than anything that is counted, and exact in every language. */
const UNLIMITED = Number.MAX_SAFE_INTEGER;

/**
 * Members of an answer that metadata repeats: flat, as the protocol has it. What a browser may read says of a lock nothing
 * but that there is one, as a denial does.
 */
const TOLD = ["mode", "reason", "cause", "case", "since", "freshness"] as const;
const TOLD_OF_LOCK = ["mode", "reason", "freshness"] as const;

/**
 * Evaluates a flag for a tenant. A denial is an answer: `false`, 0 for a number, no value for a text or an object.
 * `undefined` where nothing but the name of the flag is wrong: the caller's own default holds then, so a locked tenant
 * is denied whatever the name. Counts the decision. Never throws.
 */
export function evaluateFlag(desk: CheckDesk, key: string, target: Target): EvaluatedFlag | undefined {
  const { replica, routes, book, counters } = desk;
  const ask = askOfFlag(key);
  const { usage, ...who } = target;
  const question: Question = { ...who, ...ask, ...(usage === undefined || "capability" in ask ? {} : { usage }) };
  // Its form is checked and it names no request: it is never a fault.
  const asked = decideQuestion(replica, routes, question) as Decision | FeatureDecision;
  const isUnknownCapability = asked.reason === "unknown_capability";
  // An unknown capability is told before a lock is, an unknown feature behind it.
  const decision = isUnknownCapability ? replica.ask(target.tenant, { feature: key }) : asked;
  const feature = "feature" in ask ? replica.policy.features.get(ask.feature) : undefined;
  const isUnknownFeature = "feature" in ask && feature === undefined;
  if (isUnknownCapability && decision.reason !== "locked") return undefined;
  if (isUnknownFeature && decision.reason === "feature_not_in_plan") return undefined;
  (decision.allowed ? counters.allowed : counters.denied)[decision.reason]++;
  if (decision.allowed && "capability" in ask) return allowedFlag(key, decision);
  const answer = JSON.parse(book.text(question, decision)) as Readonly<Record<string, string>>;
  const told = decision.reason === "locked" ? TOLD_OF_LOCK : TOLD;
  const value = isUnknownFeature && decision.allowed ? undefined : flagValueOf(decision, feature);
  return {
    key,
    ...(value === undefined ? {} : { value }),
    reason: reasonOf(decision),
    variant: decision.allowed ? "on" : "off",
    metadata: {
      ...Object.fromEntries(told.flatMap((name) => (answer[name] === undefined ? [] : [[name, answer[name]]]))),
      ...limitsOf(decision),
    },
  };
}

/** Flags of capabilities that are allowed, by their decision, which is one object for all tenants and no caller's text. */
const allowedFlags = new WeakMap<Decision, EvaluatedFlag>();

function allowedFlag(key: string, decision: Decision): EvaluatedFlag {
  const known = allowedFlags.get(decision);
  if (known !== undefined) return known;
  const { mode, reason, freshness } = decision;
  const metadata = { mode, reason, freshness };
  const flag: EvaluatedFlag = { key, value: true, reason: reasonOf(decision), variant: "on", metadata };
  allowedFlags.set(decision, flag);
  return flag;
}

function reasonOf({ allowed, freshness }: Decision): EvaluatedFlag["reason"] {
  if (!allowed) return "DISABLED";
  return freshness === "fallback" ? "UNKNOWN" : "TARGETING_MATCH";
}

function flagValueOf(decision: Decision | FeatureDecision, feature: FeatureDocument | undefined): unknown {
  if (feature === undefined || feature.type === "boolean") return decision.allowed;
  if (!decision.allowed) return feature.type === "limit" ? 0 : undefined;
  const { value } = decision as FeatureDecision;
  return feature.type === "limit" && value === null ? UNLIMITED : value;
}

function limitsOf(decision: Decision | FeatureDecision): EvaluatedFlag["metadata"] {
  if (!("feature" in decision) || decision.limit === undefined) return {};
  const { limit, remaining } = decision;
  if (limit === null) return { unlimited: true };
  return { limit, ...(typeof remaining === "number" ? { remaining } : {}) };
}
