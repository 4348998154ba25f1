import {
  type Ask,
  type Decision,
  type FeatureDecision,
  LOCK_CAUSES,
  REASONS,
  RESTRICTION_CAUSES,
  type Usage,
} from "@dimmer/core";

const REASON_NAMES: ReadonlySet<unknown> = new Set(REASONS);
const ALLOWING: ReadonlySet<unknown> = new Set(["granted", "unknown_tenant", "no_data"]);
const CAUSES: ReadonlySet<unknown> = new Set([...RESTRICTION_CAUSES, ...LOCK_CAUSES]);
const FRESHNESS: ReadonlySet<unknown> = new Set(["fresh", "stale", "fallback"]);

/**
 * Reads what `/v1/check` answered to a question. `undefined` where it is not an answer to that very question, in every
 * field: what is garbled is no answer, and never half of one. Never throws.
 */
export function readAnswer(value: unknown, ask: Ask): Decision | FeatureDecision | undefined {
  if (!isRecord(value)) return undefined;
  const { allowed, capability, mode, reason, cause, freshness, limit, remaining } = value;
  const asked = ask.capability ?? `feature:${ask.feature ?? ""}`;
  const isWhole =
    typeof allowed === "boolean" &&
    capability === asked &&
    typeof mode === "string" &&
    REASON_NAMES.has(reason) &&
    (allowed ? ALLOWING.has(reason) : reason !== "granted") &&
    (cause === undefined || (!allowed && CAUSES.has(cause))) &&
    FRESHNESS.has(freshness) &&
    isAmount(limit) &&
    isAmount(remaining);
  if (!isWhole) return undefined;
  const decision = { allowed, capability, mode, reason, ...(cause !== undefined && { cause }), freshness } as Decision;
  if (ask.feature === undefined) return Object.freeze(decision);
  const answer: FeatureDecision = {
    ...decision,
    feature: ask.feature,
    ...(value["value"] !== undefined && { value: value["value"] }),
    ...(limit !== undefined && { limit: limit as number | null }),
  };
  return Object.freeze(ask.usage === undefined ? answer : withUsage(answer, ask.usage));
}

/** Rule 5 of the decision. The usage stays here: the sidecar refuses amounts that in process are merely denied. */
function withUsage(answer: FeatureDecision, { current, adding = 1 }: Usage): FeatureDecision {
  const { limit, reason } = answer;
  if (limit === undefined) return answer;
  const remaining = limit === null ? null : Math.max(0, limit - current) || 0;
  if (reason !== "granted" || limit === null || current + adding <= limit) return { ...answer, remaining };
  return { ...answer, allowed: false, reason: "limit_reached", remaining };
}

function isAmount(value: unknown): boolean {
  return value === undefined || value === null || typeof value === "number";
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
