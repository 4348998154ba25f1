import { type Lock, RESTRICTION_CAUSES, type Restriction } from "@dimmer/core";
import type { CasePlan } from "./plan.ts";

/** What all cases of a tenant come to. */
export interface TenantPlan {
  /** Gravest cause first; each cause is cleared by its own case only (D4). */
  readonly restrictions: readonly Restriction[];
  readonly lock?: Lock;
  /** The latest of all, in Unix milliseconds; left out where none is planned, or one is held without an end. */
  readonly deletionMs?: number;
  /** Whether the data may be deleted now: every case that plans a deletion is ready, and nothing is locked or held. */
  readonly mayDelete: boolean;
  readonly nextWakeMs?: number;
}

/** Which lock counts where there are several: security before law before breach. */
const LOCK_ORDER: readonly Lock["cause"][] = ["security", "legal", "breach"];

/**
 * Puts the plans of a tenant's cases together: restrictions stand side by side, a lock freezes every deletion, and of
 * several deletion dates the latest counts. Never throws.
 *
 * @param plans of one tenant, made for one moment
 */
export function planTenant(plans: readonly CasePlan[]): TenantPlan {
  const restrictions = plans
    .flatMap(({ restriction }) => (restriction === undefined ? [] : [restriction]))
    .toSorted((a, b) => RESTRICTION_CAUSES.indexOf(a.cause) - RESTRICTION_CAUSES.indexOf(b.cause));
  const locks = plans.flatMap(({ lock }) => (lock === undefined ? [] : [lock]));
  const lock = locks.toSorted((a, b) => LOCK_ORDER.indexOf(a.cause) - LOCK_ORDER.indexOf(b.cause))[0];
  const deletions = plans.flatMap(({ deletion }) => (deletion === undefined ? [] : [deletion]));
  const isHeld = lock !== undefined || plans.some(({ holds }) => holds.some(({ holds: what }) => what === "deletion"));
  const dates = deletions.map(({ atMs }) => atMs);
  const isDated = dates.length > 0 && !isHeld && dates.every((atMs) => atMs !== undefined);
  const wakes = plans.flatMap(({ nextWakeMs }) => (nextWakeMs === undefined ? [] : [nextWakeMs]));
  return {
    restrictions,
    ...(lock === undefined ? {} : { lock }),
    ...(isDated ? { deletionMs: Math.max(...(dates as number[])) } : {}),
    mayDelete: !isHeld && deletions.length > 0 && deletions.every(({ state }) => state === "ready"),
    ...(wakes.length === 0 ? {} : { nextWakeMs: Math.min(...wakes) }),
  };
}
