import type { LockCause, RestrictionCause } from "./vocabulary.ts";

/** The value of a feature: a switch, a limit (`null`: unlimited), a string or JSON. */
export type FeatureValue = boolean | number | string | null | { readonly [key: string]: unknown } | readonly unknown[];

/** From `atMs` on, `mode` applies, less what `deny` lists (`"api.write"`, `"feature:sso"`). */
export interface Step {
  /** Unix milliseconds. */
  readonly atMs: number;
  readonly mode: string;
  readonly deny?: readonly string[];
}

/** A dated floor under one restriction: while `fromMs <= now < untilMs`, what mode `floor` opens stays open. */
export interface Exception {
  readonly floor: string;
  /** Unix milliseconds, inclusive. */
  readonly fromMs: number;
  /** Unix milliseconds, exclusive; greater than `fromMs`. */
  readonly untilMs: number;
}

/** One cause in force: its case and its steps, strictly ascending by `atMs`, at least one. */
export interface Restriction {
  readonly cause: RestrictionCause;
  readonly case: string;
  readonly steps: readonly Step[];
  readonly exception?: Exception;
}

/** Everything the decision needs about one tenant but its lock. Instants are Unix milliseconds. */
export interface Entitlement {
  readonly tenant: string;
  readonly plan: string;
  /** Overrides of the plan's features only. */
  readonly features?: Readonly<Record<string, FeatureValue>>;
  readonly restrictions?: readonly Restriction[];
}

/** A restriction without its case: what the decision reads. */
export type RestrictionTerms = Omit<Restriction, "case">;

/** An entitlement without what names one tenant: many tenants have the same terms, and share one profile. */
export interface Terms {
  readonly plan: string;
  readonly features?: Readonly<Record<string, FeatureValue>>;
  readonly restrictions?: readonly RestrictionTerms[];
}

/** A security stop. `allow` lists the capabilities that it leaves to what follows in the decision. */
export interface Lock {
  readonly tenant: string;
  readonly cause: LockCause;
  readonly case: string;
  /** Unix milliseconds. */
  readonly sinceMs: number;
  readonly allow: readonly string[];
}
