import type { Freshness, LockCause, Principal, Reason, RestrictionCause } from "./vocabulary.ts";

/** The answer, and why. Frozen and shared: one object per combination, so never add to it and compare by value. */
export interface Decision {
  readonly allowed: boolean;
  /** The capability asked for; `feature:<name>` where a feature was asked for alone. */
  readonly capability: string;
  /** The mode shown: a mode of the policy, or `locked`. */
  readonly mode: string;
  readonly reason: Reason;
  /** Only in a denial by a restriction or a lock. */
  readonly cause?: RestrictionCause | LockCause;
  readonly freshness: Freshness;
}

/** A decision about a feature: its value in force and, for a limit, what remains. Frozen; shared where nothing else was asked. */
export interface FeatureDecision extends Decision {
  readonly feature: string;
  /** The value in force (a limit: the least of plan and caps); left out where the feature is not known. */
  readonly value?: unknown;
  /** The limit in force; `null` = unlimited. Only for a feature of type `limit`. */
  readonly limit?: number | null;
  /** `max(0, limit − current)`; `null` = unlimited. Only where usage was given. */
  readonly remaining?: number | null;
}

/** How much is used and how much is to be added (1 unless said), in the unit of the limit. */
export interface Usage {
  readonly current: number;
  readonly adding?: number;
}

/** The question: a capability, a feature, or both; the principal where it is known. */
export interface Ask {
  readonly capability?: string;
  readonly feature?: string;
  readonly usage?: Usage;
  readonly principal?: Principal;
}

/** When the question is asked. */
export interface Moment {
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** Unix milliseconds up to which signed narrowing by time alone is carried out; past it, it waits. */
  readonly horizonMs: number;
  readonly freshness: "fresh" | "stale";
}
