import type { Decision } from "./decision.ts";
import { isoInstant } from "./instant.ts";
import { denyingRestriction } from "./judge.ts";
import { type NextMode, nextModeOf } from "./prospect.ts";
import type { Standing } from "./standing.ts";
import type { LockCause, Principal, RestrictionCause } from "./vocabulary.ts";

/** What a door adds to a denial by a restriction or a lock. Instants are ISO 8601 with the policy zone's offset. */
export interface ReportedCause {
  readonly cause: RestrictionCause | LockCause;
  readonly case?: string;
  readonly since?: string;
  readonly next?: NextMode;
}

/** What the caller knows beside the standing. */
export interface CauseContext {
  /** The case of each restriction of the entitlement, in its order: profiles are shared, cases are not. */
  readonly cases: readonly string[];
  /** The principal that asked, where it was stated. */
  readonly principal?: Principal | undefined;
}

/**
 * Tells what stands behind a denial: the cause, its case, since when, and the next mode. `undefined` where the decision
 * names no cause. It names the case of a lock too: it answers the product. What goes to the product's callers is
 * `denialOf`, which does not. Allocates. Never throws.
 */
export function reportedCause(
  standing: Standing,
  decision: Decision,
  context: CauseContext,
): ReportedCause | undefined {
  if (decision.cause === undefined) return undefined;
  const { lock, policy } = standing.state;
  const { zone } = policy.document;
  if (decision.reason === "locked" && lock !== undefined) {
    return { cause: decision.cause, case: lock.case, since: isoInstant(lock.sinceMs, zone) };
  }
  const denying = denyingRestriction(standing, decision, context.principal);
  const caseId = denying === undefined ? undefined : context.cases[denying.index];
  const next = nextModeOf(standing);
  return {
    cause: decision.cause,
    ...(caseId === undefined ? {} : { case: caseId }),
    ...(denying?.sinceMs === undefined ? {} : { since: isoInstant(denying.sinceMs, zone) }),
    ...(next === undefined ? {} : { next }),
  };
}
