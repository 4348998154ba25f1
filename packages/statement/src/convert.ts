import type { Entitlement, Exception, Lock, Restriction, RestrictionTerms, Step, Terms } from "@dimmer/core";
import type { WireEntitlement, WireException, WireLock, WireRestriction, WireStep } from "./wire.ts";

/** The one place where seconds of the wire become milliseconds, and back. Nothing here checks: check before. */
const MS_PER_SECOND = 1000;

/** Turns seconds of the wire into milliseconds. Never throws. */
export function msFromWire(seconds: number): number {
  return seconds * MS_PER_SECOND;
}

/** Turns milliseconds into whole seconds of the wire, rounding down. Never throws. */
export function secondsToWire(ms: number): number {
  return Math.floor(ms / MS_PER_SECOND);
}

/** Reads an entitlement of the wire that has been checked; unknown fields are left behind. Never throws. */
export function entitlementFromWire(wire: WireEntitlement): Entitlement {
  const { tenant, plan, features, restrictions } = wire;
  return {
    tenant,
    plan,
    ...(features === undefined ? {} : { features }),
    ...(restrictions === undefined ? {} : { restrictions: restrictions.map(restrictionFromWire) }),
  };
}

/**
 * Reads what the decision needs of an entitlement, without tenant and cases: what many tenants share. The cases stand
 * in `casesFromWire`, in the same order. Never throws.
 */
export function termsFromWire(wire: Omit<WireEntitlement, "tenant">): Terms {
  const { plan, features, restrictions } = wire;
  return {
    plan,
    ...(features === undefined ? {} : { features }),
    ...(restrictions === undefined ? {} : { restrictions: restrictions.map(restrictionTermsFromWire) }),
  };
}

/** The case ids of the restrictions, in their order. Never throws. */
export function casesFromWire(wire: Omit<WireEntitlement, "tenant">): string[] {
  return (wire.restrictions ?? []).map((restriction) => restriction.case);
}

/** Writes an entitlement for the wire. Instants are cut to whole seconds. Never throws. */
export function entitlementToWire(entitlement: Entitlement): WireEntitlement {
  const { tenant, plan, features, restrictions } = entitlement;
  return {
    tenant,
    plan,
    ...(features === undefined ? {} : { features }),
    ...(restrictions === undefined ? {} : { restrictions: restrictions.map(restrictionToWire) }),
  };
}

/** Reads a lock of the wire that has been checked. Never throws. */
export function lockFromWire(wire: WireLock): Lock {
  const { tenant, cause, case: caseId, since, allow } = wire;
  return { tenant, cause, case: caseId, sinceMs: msFromWire(since), allow };
}

/** Writes a lock for the wire. Never throws. */
export function lockToWire(lock: Lock): WireLock {
  const { tenant, cause, case: caseId, sinceMs, allow } = lock;
  return { tenant, cause, case: caseId, since: secondsToWire(sinceMs), allow };
}

function restrictionFromWire(wire: WireRestriction): Restriction {
  return { ...restrictionTermsFromWire(wire), case: wire.case };
}

function restrictionTermsFromWire({ cause, steps, exception }: WireRestriction): RestrictionTerms {
  return {
    cause,
    steps: steps.map(stepFromWire),
    ...(exception === undefined ? {} : { exception: exceptionFromWire(exception) }),
  };
}

function stepFromWire({ at, mode, deny }: WireStep): Step {
  return { atMs: msFromWire(at), mode, ...(deny === undefined ? {} : { deny }) };
}

function exceptionFromWire({ floor, from, until }: WireException): Exception {
  return { floor, fromMs: msFromWire(from), untilMs: msFromWire(until) };
}

function restrictionToWire({ cause, case: caseId, steps, exception }: Restriction): WireRestriction {
  return {
    cause,
    case: caseId,
    steps: steps.map(stepToWire),
    ...(exception === undefined ? {} : { exception: exceptionToWire(exception) }),
  };
}

function stepToWire({ atMs, mode, deny }: Step): WireStep {
  return { at: secondsToWire(atMs), mode, ...(deny === undefined ? {} : { deny }) };
}

function exceptionToWire({ floor, fromMs, untilMs }: Exception): WireException {
  return { floor, from: secondsToWire(fromMs), until: secondsToWire(untilMs) };
}
