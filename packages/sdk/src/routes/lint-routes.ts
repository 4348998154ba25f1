import type { PolicyDocument } from "@dimmer/core";
import { nearestName } from "../connect/unknown-name.ts";
import { UNMATCHED } from "./classify.ts";
import { covers, type Pattern } from "./pattern.ts";
import {
  compileProtected,
  conflictsOf,
  coversMethod,
  PROTECTED_FIELDS,
  type ProtectedRoutes,
} from "./protected-routes.ts";
import { type Classification, type CompiledRule, compileRule, OPEN, type RouteRule } from "./route-table.ts";

/** Every code of a route finding: a closed union, so that callers may switch on it. */
export type RouteFindingCode =
  | "route_malformed"
  | "capability_unknown"
  | "feature_unknown"
  | "rule_unreachable"
  | "protected_malformed"
  | "protected_closed"
  | "protected_without_route"
  | "default_unknown";

/** One thing that is wrong with a route table, where, and what to do about it. */
export interface RouteFinding {
  readonly code: RouteFindingCode;
  /** An `error` denies or refuses requests that should pass; a `warning` may. */
  readonly severity: "error" | "warning";
  /** Such as `routes[3].capability`. */
  readonly place: string;
  readonly message: string;
  readonly fix: string;
}

const EVERYTHING: Pattern = { text: "/**", segments: [], isOpenEnded: true };

/**
 * Finds what is wrong with a route table under a policy: rules that are malformed, name what the policy does not know or
 * are never reached because one rule before them takes all of their requests, and protected capabilities that the table
 * closes or leads nowhere. It does not see that several rules together hide one. Quadratic in the rules. Never throws.
 *
 * @param document the table as it was read, any value
 * @param protectedRoutes where the protected capabilities live, if that is known; otherwise a capability that no rule
 *   leads to is a warning
 */
export function lintRoutes(
  document: unknown,
  policy: PolicyDocument,
  protectedRoutes?: ProtectedRoutes,
): RouteFinding[] {
  if (!Array.isArray(document)) {
    const fix = "Write a list of { method?, path, capability, feature? }.";
    return [{ code: "route_malformed", severity: "error", place: "routes", message: "the table is not a list", fix }];
  }
  const findings: RouteFinding[] = [];
  const rules: CompiledRule[] = [];
  for (const [index, rule] of (document as readonly unknown[]).entries()) {
    const compiled = tryCompile(index, rule, findings);
    if (compiled !== undefined) rules.push(compiled);
  }
  for (const rule of rules) findings.push(...lintNames(rule, policy));
  for (const [at, rule] of rules.entries()) findings.push(...lintReach(rule, rules.slice(0, at)));
  findings.push(...lintDefaults(rules, policy));
  findings.push(...(protectedRoutes === undefined ? lintMissing(rules) : lintProtected(rules, protectedRoutes)));
  return findings;
}

/**
 * Finds what a compiled table names and the policy does not have, defaults of the methods included. Linear. Never throws.
 */
export function lintNamesOf(rules: readonly CompiledRule[], policy: PolicyDocument): RouteFinding[] {
  return [...rules.flatMap((rule) => lintNames(rule, policy)), ...lintDefaults(rules, policy)];
}

function lintNames({ classification }: CompiledRule, policy: PolicyDocument): RouteFinding[] {
  return lintNamesAt(`routes[${classification.rule}]`, classification, policy);
}

function tryCompile(index: number, rule: unknown, findings: RouteFinding[]): CompiledRule | undefined {
  try {
    return compileRule(rule as RouteRule, index);
  } catch (error) {
    findings.push(malformed("route_malformed", `routes[${index}]`, error));
    return undefined;
  }
}

/** What a compiler says, `place given: fix`, as a finding. */
function malformed(code: RouteFindingCode, place: string, error: unknown): RouteFinding {
  const text = (error as Error).message;
  const at = text.lastIndexOf(": ");
  return { code, severity: "error", place, message: text.slice(0, at), fix: text.slice(at + 2) };
}

/**
 * Finds what one rule names and the policy does not have. Never throws.
 *
 * @param place where the rule stands, for people: `routes[3]`
 */
export function lintNamesAt(place: string, classification: Classification, policy: PolicyDocument): RouteFinding[] {
  const { capability, feature, route } = classification;
  const findings: RouteFinding[] = [];
  if (capability !== OPEN && !policy.capabilities.includes(capability)) {
    findings.push({
      code: "capability_unknown",
      severity: "error",
      place: `${place}.capability`,
      message: `the policy has no capability "${capability}": every request for ${route} is denied`,
      fix: `${didYouMean(capability, policy.capabilities)}Name one of ${policy.capabilities.join(", ")}, or "open".`,
    });
  }
  const features = Object.keys(policy.features);
  if (feature !== undefined && !features.includes(feature)) {
    findings.push({
      code: "feature_unknown",
      severity: "error",
      place: `${place}.feature`,
      message: `the policy has no feature "${feature}": every request for ${route} is denied`,
      fix: `${didYouMean(feature, features)}Name one of ${features.join(", ")}, or leave it out.`,
    });
  }
  return findings;
}

function didYouMean(name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  return near === undefined ? "" : `Did you mean "${near}"? `;
}

function lintReach(rule: CompiledRule, before: readonly CompiledRule[]): RouteFinding[] {
  const hiding = before.find((other) => coversMethod(other.method, rule.method) && covers(other.pattern, rule.pattern));
  if (hiding === undefined) return [];
  return [
    {
      code: "rule_unreachable",
      severity: "error",
      place: `routes[${rule.classification.rule}]`,
      message: `no request reaches ${rule.classification.route}: ${hiding.classification.route} at routes[${hiding.classification.rule}] takes them all`,
      fix: "Move the narrower rule to the front, or remove it.",
    },
  ];
}

function lintDefaults(rules: readonly CompiledRule[], policy: PolicyDocument): RouteFinding[] {
  const missing = new Set<string>();
  for (const [method, { capability }] of UNMATCHED) {
    const isNeverAsked = rules.some((rule) => coversMethod(rule.method, method) && covers(rule.pattern, EVERYTHING));
    if (!isNeverAsked && !policy.capabilities.includes(capability)) missing.add(capability);
  }
  return [...missing].map((capability) => ({
    code: "default_unknown",
    severity: "warning",
    place: "routes",
    message: `requests that no rule matches ask for "${capability}", which the policy does not have: they are denied`,
    fix: `End the table with a rule for "/**", or add "${capability}" to the policy.`,
  }));
}

function lintMissing(rules: readonly CompiledRule[]): RouteFinding[] {
  return PROTECTED_FIELDS.filter(
    (capability) => !rules.some(({ classification }) => classification.capability === capability),
  ).map((capability) => ({
    code: "protected_without_route",
    severity: "warning",
    place: "routes",
    message: `no rule leads to "${capability}": if this product has such a route, it counts as something that restrictions close`,
    fix: `Add a rule for it. Where another service has it, nothing is to be done.`,
  }));
}

function lintProtected(rules: readonly CompiledRule[], protectedRoutes: ProtectedRoutes): RouteFinding[] {
  let compiled: ReturnType<typeof compileProtected>;
  try {
    compiled = compileProtected(protectedRoutes);
  } catch (error) {
    return [malformed("protected_malformed", "protected", error)];
  }
  return conflictsOf(rules, compiled).map(({ place, route, capability, rule }) => ({
    code: "protected_closed",
    severity: "error",
    place,
    message: `${route} is "${capability}", but ${describeRule(rule)} takes such requests`,
    fix: `Put a rule for ${route} with the capability "${capability}" in front of routes[${rule.classification.rule}].`,
  }));
}

/** A rule for people: `POST /api/** (routes[2], "api.write" with feature "sso")`. Never throws. */
export function describeRule({ classification }: CompiledRule): string {
  const { route, rule, capability, feature } = classification;
  return `${route} (routes[${rule}], "${capability}"${feature === undefined ? "" : ` with feature "${feature}"`})`;
}
