import {
  type Ask,
  type Decision,
  type FallbackDocument,
  type FeatureDecision,
  isTenantId,
  LOCKED_MODE,
  type Lock,
} from "@dimmer/core";

/** The part of a policy that a decision without data rests on. */
export interface NamesOfPolicy {
  readonly capabilities: readonly string[];
  readonly modes: readonly { readonly name: string }[];
  readonly features: Readonly<Record<string, { readonly needs?: readonly string[] }>>;
  readonly fallback: { readonly no_data: FallbackDocument };
}

/** What is known without asking the sidecar. */
export interface KnownHere {
  readonly policy: NamesOfPolicy;
  readonly lock: Lock | undefined;
  readonly freshness: "fresh" | "stale";
}

/**
 * The decision where nothing but the policy and the tenant's lock is known: rules 1 and 2, then the `no_data` fallback.
 * Equals `decide` of core over a state without data, at a tenth of its size; a property test holds the two together.
 * Never throws.
 */
export function decideWithoutData(tenant: string, ask: Ask, known: KnownHere): Decision | FeatureDecision {
  const { feature, capability = feature === undefined ? "" : `feature:${feature}` } = ask;
  const { allowed, reason } = verdictOf(tenant, ask, known);
  const decision: Decision = {
    allowed,
    capability,
    mode: known.lock === undefined ? (known.policy.modes[0]?.name ?? "") : LOCKED_MODE,
    reason,
    ...(reason === "locked" && { cause: (known.lock as Lock).cause }),
    freshness: reason === "no_data" || reason === "unknown_tenant" ? "fallback" : known.freshness,
  };
  return Object.freeze(feature === undefined ? decision : { ...decision, feature });
}

function verdictOf(
  tenant: string,
  { capability, feature }: Ask,
  { policy, lock }: KnownHere,
): Pick<Decision, "allowed" | "reason"> {
  const asked = feature === undefined ? [capability ?? ""] : capability === undefined ? [] : [capability];
  const definition =
    feature !== undefined && Object.hasOwn(policy.features, feature) ? policy.features[feature] : undefined;
  const capabilities = [...asked, ...(definition?.needs ?? [])];
  const denied = (reason: Decision["reason"]): Pick<Decision, "allowed" | "reason"> => ({ allowed: false, reason });
  if (capabilities.some((name) => !policy.capabilities.includes(name))) return denied("unknown_capability");
  const isLetThrough = capabilities.length > 0 && capabilities.every((name) => lock?.allow.includes(name));
  if (lock !== undefined && !isLetThrough) return denied("locked");
  if (!isTenantId(tenant)) return denied("unknown_tenant");
  const { no_data: fallback } = policy.fallback;
  const keys = feature === undefined ? capabilities : [...capabilities, `feature:${feature}`];
  const allowed = keys.every((key) => (Object.hasOwn(fallback, key) ? fallback[key] : fallback["*"]) !== "deny");
  return { allowed, reason: "no_data" };
}
