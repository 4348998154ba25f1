import type { CompiledPolicy } from "./compile.ts";
import type { Ask, Decision, FeatureDecision } from "./decision.ts";
import type { FeatureValue } from "./entitlement.ts";
import type { FallbackDocument } from "./policy.ts";
import type { RestrictionStanding, Standing } from "./standing.ts";
import {
  type Freshness,
  type LockCause,
  PRINCIPALS,
  type Principal,
  RESTRICTION_CAUSES,
  type Reason,
  type RestrictionCause,
} from "./vocabulary.ts";

interface Verdict {
  readonly allowed: boolean;
  readonly reason: Reason;
  readonly cause?: RestrictionCause | LockCause;
  /** The restriction that denies, where one does. */
  readonly by?: RestrictionStanding;
}

const GRANTED: Verdict = { allowed: true, reason: "granted" };

/** Judges one capability where a tenant stands. Never throws. */
export function judge(standing: Standing, capability: string, principal: Principal | undefined): Decision {
  return intern(standing, capability, judgeAll(standing, [capability], undefined, principal));
}

/** Judges a feature (with a capability, where one is asked as well) where a tenant stands. Never throws. */
export function judgeFeature(standing: Standing, feature: string, ask: Ask): FeatureDecision {
  const { policy, terms, held } = standing.state;
  const definition = policy.features.get(feature);
  const capability = ask.capability ?? `feature:${feature}`;
  let verdict = judgeAll(standing, neededFor(standing, ask), feature, ask.principal);
  // A lock says nothing about what it closes: who reads the value alone must not find it there.
  const isKnown = held && terms !== undefined && definition !== undefined && verdict.reason !== "locked";
  const value = isKnown ? valueInForce(standing, feature) : undefined;
  const isLimit = definition?.type === "limit";
  if (verdict.reason === "granted" && !isOn(value, isLimit))
    verdict = { allowed: false, reason: "feature_not_in_plan" };
  const limit = isLimit && (typeof value === "number" || value === null) ? value : undefined;
  let remaining: number | null | undefined;
  // `null` in the place of a usage is no usage: a caller's mistake must not throw here.
  if (limit !== undefined && ask.usage != null) {
    const { current, adding = 1 } = ask.usage;
    remaining = limit === null ? null : Math.max(0, limit - current) || 0;
    if (verdict.reason === "granted" && limit !== null && !(current + adding <= limit)) {
      verdict = { allowed: false, reason: "limit_reached" };
    }
  }
  return Object.freeze({
    ...intern(standing, capability, verdict),
    feature,
    ...(value === undefined ? {} : { value }),
    ...(limit === undefined ? {} : { limit }),
    ...(remaining === undefined ? {} : { remaining }),
  });
}

/**
 * The value of a feature in force: the override where there is one, else the plan's; a limit never above the caps of
 * the modes in force. `undefined` where neither plan nor override has it. Never throws.
 */
export function valueInForce(standing: Standing, feature: string): FeatureValue | undefined {
  const { policy, terms } = standing.state;
  if (terms === undefined) return undefined;
  const value =
    terms.features !== undefined && Object.hasOwn(terms.features, feature)
      ? terms.features[feature]
      : policy.plans.get(terms.plan)?.get(feature);
  if (policy.features.get(feature)?.type !== "limit") return value;
  let limit = value;
  for (const { caps } of standing.restrictions) {
    const cap = caps.get(feature);
    if (cap !== undefined && (limit === null || (typeof limit === "number" && cap < limit))) limit = cap;
  }
  return limit;
}

/**
 * The restriction that a denied decision reports; `undefined` where none denies. Without the principal that asked, one
 * is sought whose answer is the same. Never throws.
 */
export function denyingRestriction(
  standing: Standing,
  decision: Decision | FeatureDecision,
  principal: Principal | undefined,
): RestrictionStanding | undefined {
  const feature = "feature" in decision ? decision.feature : undefined;
  const { capability } = decision;
  const ask: Ask = { ...(capability === `feature:${feature}` ? {} : { capability }), ...(feature && { feature }) };
  for (const candidate of [principal, undefined, ...PRINCIPALS]) {
    const { reason, cause, by } = judgeAll(standing, neededFor(standing, ask), feature, candidate);
    if (reason === decision.reason && cause === decision.cause) return by;
  }
  return undefined;
}

/** The capabilities that a question asks: its own, and those that its feature needs. */
function neededFor(standing: Standing, { capability, feature }: Ask): readonly string[] {
  const needs = feature === undefined ? undefined : standing.state.policy.features.get(feature)?.needs;
  return [...(capability === undefined ? [] : [capability]), ...(needs ?? [])];
}

/** On: `true`, a number, a string, an object; `null` only for a limit, where it means unlimited. */
function isOn(value: FeatureValue | undefined, isLimit: boolean): boolean {
  if (value === null) return isLimit;
  return value !== undefined && value !== false;
}

/** The rules 1 to 3 of the decision, over every capability that the question needs. */
function judgeAll(
  standing: Standing,
  capabilities: readonly string[],
  feature: string | undefined,
  principal: Principal | undefined,
): Verdict {
  const { policy, lock, held, terms, isIllFormed } = standing.state;
  if (capabilities.some((capability) => !policy.bits.has(capability))) {
    return { allowed: false, reason: "unknown_capability" };
  }
  if (lock !== undefined) {
    // A feature that needs nothing names nothing that the lock could allow: it stays denied.
    const isLetThrough = capabilities.length > 0 && capabilities.every((capability) => lock.allow.includes(capability));
    if (!isLetThrough) return { allowed: false, reason: "locked", cause: lock.cause };
  }
  if (isIllFormed === true) return { allowed: false, reason: "unknown_tenant" };
  if (!held || terms === undefined) {
    const reason = held ? "unknown_tenant" : "no_data";
    return { allowed: isAllowedByFallback(policy.document.fallback[reason], capabilities, feature), reason };
  }
  let gravest: Verdict | undefined;
  for (const capability of capabilities) {
    gravest = graver(gravest, denialOfCapability(standing, policy, capability, principal));
  }
  const denying = feature === undefined ? undefined : standing.restrictions.find((r) => r.deniedFeatures.has(feature));
  if (denying !== undefined) {
    gravest = graver(gravest, { allowed: false, reason: "restricted", cause: denying.cause, by: denying });
  }
  return gravest ?? GRANTED;
}

function isAllowedByFallback(
  fallback: FallbackDocument,
  capabilities: readonly string[],
  feature: string | undefined,
): boolean {
  const keys = feature === undefined ? capabilities : [...capabilities, `feature:${feature}`];
  return keys.every((key) => (Object.hasOwn(fallback, key) ? fallback[key] : fallback["*"]) !== "deny");
}

function denialOfCapability(
  standing: Standing,
  policy: CompiledPolicy,
  capability: string,
  principal: Principal | undefined,
): Verdict | undefined {
  const { restrictions } = standing;
  if (restrictions.length === 0) return undefined;
  const bit = policy.bits.get(capability) as number;
  const index = principal === undefined ? (policy.unstated[bit] as number) : PRINCIPALS.indexOf(principal);
  if (principal !== undefined && index === -1) {
    // A class that the vocabulary does not know has what every class has, and no more.
    return verdictOf(
      restrictions.find((r) => !r.rights.every((bits) => hasBit(bits, bit))),
      bit,
    );
  }
  if (index !== -1)
    return verdictOf(
      restrictions.find((r) => !hasBit(r.rights[index] ?? 0, bit)),
      bit,
    );
  // Unstated, `any`: some one class must pass every restriction.
  if (PRINCIPALS.some((_, p) => restrictions.every((r) => hasBit(r.rights[p] ?? 0, bit)))) return undefined;
  const closed = restrictions.find((r) => !r.rights.some((bits) => hasBit(bits, bit)));
  return verdictOf(closed ?? restrictions.find((r) => !r.rights.every((bits) => hasBit(bits, bit))), bit);
}

function hasBit(bits: number, bit: number): boolean {
  return ((bits >>> bit) & 1) === 1;
}

function verdictOf(denying: RestrictionStanding | undefined, bit: number): Verdict | undefined {
  if (denying === undefined) return undefined;
  const admitsSome = denying.rights.some((bits) => hasBit(bits, bit));
  const reason = admitsSome ? "principal_not_admitted" : "restricted";
  return { allowed: false, reason, cause: denying.cause, by: denying };
}

/** The graver of two denials by restrictions; the first of two alike. */
function graver(a: Verdict | undefined, b: Verdict | undefined): Verdict | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return rankOf(b) < rankOf(a) ? b : a;
}

function rankOf(verdict: Verdict): number {
  return RESTRICTION_CAUSES.indexOf(verdict.cause as RestrictionCause);
}

/** The one frozen object of a decision. Unknown capabilities are callers' text: they are not kept. */
function intern(standing: Standing, capability: string, verdict: Verdict): Decision {
  const { policy } = standing.state;
  const isFallback = verdict.reason === "no_data" || verdict.reason === "unknown_tenant";
  const freshness: Freshness = isFallback ? "fallback" : standing.moment.freshness;
  const decision: Decision = {
    allowed: verdict.allowed,
    capability,
    mode: standing.mode,
    reason: verdict.reason,
    ...(verdict.cause === undefined ? {} : { cause: verdict.cause }),
    freshness,
  };
  const isBounded = policy.bits.has(capability);
  if (!isBounded) return Object.freeze(decision);
  const key = `${capability} ${standing.mode} ${verdict.allowed} ${verdict.reason} ${verdict.cause ?? ""} ${freshness}`;
  const known = policy.interned.get(key);
  if (known !== undefined) return known;
  policy.interned.set(key, Object.freeze(decision));
  return decision;
}
