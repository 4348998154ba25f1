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

/** What stands behind a denial as far as every tenant with the same entitlement shares it. */
export interface SharedCause {
  /** With the case of a lock, which is one tenant's alone, and without that of a restriction. */
  readonly reported: ReportedCause;
  /** Where the case stands in the entitlement's list; `undefined` where no restriction denies. */
  readonly caseAt: number | undefined;
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
  const shared = sharedCause(standing, decision, context.principal);
  if (shared === undefined) return undefined;
  const { cause, ...rest } = shared.reported;
  const caseId = shared.caseAt === undefined ? undefined : context.cases[shared.caseAt];
  return { cause, ...(caseId === undefined ? {} : { case: caseId }), ...rest };
}

/**
 * The part of `reportedCause` that depends on no tenant's case: for who keeps it as long as the standing holds. Allocates.
 * Never throws.
 */
export function sharedCause(
  standing: Standing,
  decision: Decision,
  principal: Principal | undefined,
): SharedCause | undefined {
  const { cause, reason } = decision;
  if (cause === undefined) return undefined;
  const { lock, policy } = standing.state;
  const { zone } = policy.document;
  if (reason === "locked" && lock !== undefined) {
    return { reported: { cause, case: lock.case, since: isoInstant(lock.sinceMs, zone) }, caseAt: undefined };
  }
  const denying = denyingRestriction(standing, decision, principal);
  const next = nextModeOf(standing);
  return {
    reported: {
      cause,
      ...(denying?.sinceMs === undefined ? {} : { since: isoInstant(denying.sinceMs, zone) }),
      ...(next === undefined ? {} : { next }),
    },
    caseAt: denying?.index,
  };
}
