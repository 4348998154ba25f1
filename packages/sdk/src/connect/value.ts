import type { Decision, FeatureDecision, FeatureValue } from "@dimmer/core";
import type { Widened } from "./names.ts";

/**
 * The value that a feature decision gives, or `otherwise`: the one rule behind `value`, here and in `/remote`.
 * `otherwise` stands in where the feature is off, denied, not known, of another type than `otherwise`, or where the
 * answer rests on a fallback. Two answers would mean their opposite if it did: a boolean that is off or denied is
 * `false`, and an unlimited limit is `Infinity`. Never throws.
 */
export function valueOrElse<T extends NonNullable<FeatureValue>>(
  decision: Decision | FeatureDecision,
  otherwise: T,
): Widened<T> {
  const value = "value" in decision ? decision.value : undefined;
  if (typeof otherwise === "boolean" && decision.freshness !== "fallback") {
    const isDenied = decision.reason !== "feature_not_in_plan" && decision.reason !== "unknown_capability";
    if (value === false || (!decision.allowed && isDenied)) return false as Widened<T>;
  }
  if (!decision.allowed || value === undefined) return otherwise as unknown as Widened<T>;
  if (value === null && "limit" in decision && typeof otherwise === "number")
    return Number.POSITIVE_INFINITY as Widened<T>;
  return (kindOf(value) === kindOf(otherwise) ? value : otherwise) as unknown as Widened<T>;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
