import type { FeatureDecision } from "./decision.ts";
import { judgeFeature } from "./judge.ts";
import type { Standing } from "./standing.ts";

/** Answers about features, by the feature's slot under the policy; `undefined` for what was not asked yet. */
export type FeatureAnswers = readonly (FeatureDecision | undefined)[];

/** Past this many distinct answers the shared ones are forgotten: profiles keep theirs, and sharing begins anew. */
const MAX_SHARED = 4_096;

/** Answers that nobody has asked for: those of a profile that was never asked about a feature. */
export const NO_FEATURE_ANSWERS: FeatureAnswers = Object.freeze([]);

/**
 * The answer about a feature alone: no capability beside it, no usage, principal unstated. Equal ones are one object,
 * unless their value is an object itself. For features that the policy has: others are callers' text. Never throws.
 */
export function plainFeatureDecision(standing: Standing, feature: string): FeatureDecision {
  const { featureDecisions } = standing.state.policy;
  const decision = judgeFeature(standing, feature, { feature });
  const { allowed, mode, reason, cause, freshness, value } = decision;
  if (typeof value === "object" && value !== null) return decision;
  const key = `${feature} ${mode} ${allowed} ${reason} ${cause ?? ""} ${freshness} ${JSON.stringify(value)}`;
  const known = featureDecisions.get(key);
  if (known !== undefined) return known;
  if (featureDecisions.size >= MAX_SHARED) featureDecisions.clear();
  featureDecisions.set(key, decision);
  return decision;
}
