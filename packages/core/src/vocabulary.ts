/** The classes of who acts. @see docs/concepts.md */
export const PRINCIPALS = ["admin", "billing", "member", "service"] as const;
/** The class of who acts for a tenant. */
export type Principal = (typeof PRINCIPALS)[number];

/** Principals that sign in: a guard that states one of them asks for `login` too. */
export const INTERACTIVE_PRINCIPALS: readonly Principal[] = ["admin", "billing", "member"];

/** Asked beside a route's own capability where the principal signs in: without it members' sessions end. */
export const LOGIN_CAPABILITY = "login";

/** Stay allowed for admins in every mode but `closed`: a tenant can always take its data out, pay, and go. */
export const PROTECTED_CAPABILITIES = ["export", "pay", "contact", "leave"] as const;

/** Causes of a restriction, gravest first: the order in which a denial reports them. */
export const RESTRICTION_CAUSES = ["breach", "offboarding", "manual", "nonpayment"] as const;
/** Why a tenant is restricted. */
export type RestrictionCause = (typeof RESTRICTION_CAUSES)[number];

/** Causes of a lock. */
export const LOCK_CAUSES = ["security", "legal", "breach"] as const;
/** Why a tenant is locked. */
export type LockCause = (typeof LOCK_CAUSES)[number];

/** Why a decision is what it is: the closed list of reasons. */
export const REASONS = [
  "granted",
  "unknown_capability",
  "locked",
  "restricted",
  "principal_not_admitted",
  "feature_not_in_plan",
  "limit_reached",
  "unknown_tenant",
  "no_data",
] as const;
/** Why a decision is what it is. */
export type Reason = (typeof REASONS)[number];

/** How sure an answer is: from a fresh head, from the last known state, or from a fallback of the policy. */
export type Freshness = "fresh" | "stale" | "fallback";

/** The mode shown for a tenant that is locked. It is not a mode of the policy. */
export const LOCKED_MODE = "locked";

/** The one mode that may deny what is protected: it is written by the deletion, after everything else. */
export const CLOSED_MODE = "closed";

/** The floor of an exception: a mode of that name is never scheduled. */
export const ESSENTIAL_MODE = "essential";

const TENANT_ID = /^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$/;
const NAME = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$/;
const MAX_NAME_LENGTH = 64;

/**
 * Tells whether a string is a well-formed tenant id: 1 to 128 characters of `A–Z a–z 0–9 . _ : -`, the first a letter,
 * digit or `_`. Ids compare exactly. Never throws.
 */
export function isTenantId(value: unknown): value is string {
  return typeof value === "string" && TENANT_ID.test(value);
}

/**
 * Tells whether a string may name a capability, mode, plan or feature: lower-case words joined by dots, at most 64
 * characters. `__proto__` and the like never pass. Never throws.
 */
export function isName(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_NAME_LENGTH && NAME.test(value);
}
