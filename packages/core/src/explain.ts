import { type Banner, bannerOf } from "./banner.ts";
import type { FeatureValue } from "./entitlement.ts";
import { isoInstant } from "./instant.ts";
import { valueInForce } from "./judge.ts";
import type { Links } from "./links.ts";
import { type NextMode, nextModeOf } from "./prospect.ts";
import { type RestrictionStanding, type Standing, standingOf } from "./standing.ts";
import type { Freshness, LockCause, RestrictionCause } from "./vocabulary.ts";
import { openLinks, stillAllowedFor } from "./way-out.ts";

/** One cause in force or announced. Instants are ISO 8601 with the policy zone's offset. */
export interface ExplainedCause {
  readonly cause: RestrictionCause;
  readonly case?: string;
  /** The mode shown under this cause alone. */
  readonly mode: string;
  /** When the step in force began; left out while the first one lies ahead. */
  readonly since?: string;
  readonly next?: NextMode;
  /** In force or announced; left out once it has ended. */
  readonly exception?: { readonly floor: string; readonly from: string; readonly until: string };
}

/** Where a tenant stands, in full: for the product's own pages, operators and the command line. */
export interface Explanation {
  readonly tenant: string;
  readonly plan?: string;
  readonly mode: string;
  readonly freshness: Freshness;
  /** Whether verified data is held at all. */
  readonly held: boolean;
  /** Why nothing is known about the tenant, where that is so. */
  readonly reason?: "unknown_tenant" | "no_data";
  /** Gravest first. */
  readonly causes: readonly ExplainedCause[];
  readonly lock?: {
    readonly cause: LockCause;
    readonly case: string;
    readonly since: string;
    readonly allow: readonly string[];
  };
  readonly next?: NextMode;
  /** The capabilities that an admin still has, in the policy's order. */
  readonly stillAllowed: readonly string[];
  readonly links: Links;
  readonly banner?: Banner;
  /** The values of features in force, by name. */
  readonly features: Readonly<Record<string, FeatureValue>>;
}

/** What the caller knows beside the standing. */
export interface ExplainContext {
  readonly tenant: string;
  /** The case of each restriction of the entitlement, in its order: profiles are shared, cases are not. */
  readonly cases: readonly string[];
  /** A language tag or an `Accept-Language` header; without it the policy's first locale. */
  readonly locale?: string | undefined;
}

/**
 * Explains where a tenant stands: mode, causes, next steps, what still works, links, a banner. It answers the product
 * and its operators and names a lock's cause and case: what goes to the product's callers is `denialOf`. Allocates;
 * costs tens of microseconds. Never throws.
 */
export function explain(standing: Standing, context: ExplainContext): Explanation {
  const { policy, terms, held, lock, isIllFormed } = standing.state;
  const { zone } = policy.document;
  const isKnown = held && terms !== undefined && isIllFormed !== true;
  const next = nextModeOf(standing);
  const links = openLinks(standing, context.tenant, context.cases);
  const banner = bannerOf(standing, links, context);
  return {
    tenant: context.tenant,
    ...(isKnown ? { plan: terms.plan } : {}),
    mode: standing.mode,
    freshness: isKnown ? standing.moment.freshness : "fallback",
    held,
    ...(isKnown ? {} : { reason: held || isIllFormed === true ? "unknown_tenant" : "no_data" }),
    causes: standing.restrictions.map((restriction) => explainCause(standing, restriction, context.cases)),
    ...(lock === undefined
      ? {}
      : { lock: { cause: lock.cause, case: lock.case, since: isoInstant(lock.sinceMs, zone), allow: lock.allow } }),
    ...(next === undefined ? {} : { next }),
    stillAllowed: stillAllowedFor(standing, "admin"),
    links,
    ...(banner === undefined ? {} : { banner }),
    features: isKnown ? featuresOf(standing) : {},
  };
}

function explainCause(standing: Standing, restriction: RestrictionStanding, cases: readonly string[]): ExplainedCause {
  const { policy, terms } = standing.state;
  const { zone } = policy.document;
  const { cause, index, mode, sinceMs } = restriction;
  const own = terms?.restrictions?.[index];
  const alone = {
    ...standing.state,
    lock: undefined,
    terms: { plan: "", restrictions: own === undefined ? [] : [own] },
  };
  const next = nextModeOf(standingOf(alone, standing.moment));
  const exception = own?.exception;
  const hasEnded = exception === undefined || exception.untilMs <= standing.moment.nowMs;
  const caseId = cases[index];
  return {
    cause,
    ...(caseId === undefined ? {} : { case: caseId }),
    mode: mode.name,
    ...(sinceMs === undefined ? {} : { since: isoInstant(sinceMs, zone) }),
    ...(next === undefined ? {} : { next }),
    ...(hasEnded
      ? {}
      : {
          exception: {
            floor: exception.floor,
            from: isoInstant(exception.fromMs, zone),
            until: isoInstant(exception.untilMs, zone),
          },
        }),
  };
}

function featuresOf(standing: Standing): Record<string, FeatureValue> {
  const values: [string, FeatureValue][] = [];
  for (const name of standing.state.policy.features.keys()) {
    const value = valueInForce(standing, name);
    if (value !== undefined) values.push([name, value]);
  }
  return Object.fromEntries(values);
}
