import type { Decision, FeatureDecision, FeatureValue } from "@dimmer/core";

/**
 * The value that a feature decision gives, or `otherwise`: the one rule behind `value`, here and in `/remote`.
 * `otherwise` stands in where the feature is off, denied, not known, of another type than `otherwise`, or where the
 * answer rests on a fallback. Two answers would mean their opposite if it did: a boolean that is off or denied is
 * `false`, and an unlimited limit is `Infinity`. Never throws.
 */
export function valueOrElse(
  decision: Decision | FeatureDecision,
  otherwise: NonNullable<FeatureValue>,
): NonNullable<FeatureValue> {
  const value = "value" in decision ? (decision.value as FeatureValue | undefined) : undefined;
  if (typeof otherwise === "boolean" && decision.freshness !== "fallback") {
    const isDenied = decision.reason !== "feature_not_in_plan" && decision.reason !== "unknown_capability";
    if (value === false || (!decision.allowed && isDenied)) return false;
  }
  if (!decision.allowed || value === undefined) return otherwise;
  if (value === null)
    return "limit" in decision && typeof otherwise === "number" ? Number.POSITIVE_INFINITY : otherwise;
  return kindOf(value) === kindOf(otherwise) ? value : otherwise;
}

function kindOf(value: NonNullable<FeatureValue>): string {
  return Array.isArray(value) ? "array" : typeof value;
}
