import {
  type Ask,
  type CompiledPolicy,
  compileStandardPolicy,
  type Decision,
  decide,
  type Lock,
  type Moment,
  type RestrictionTerms,
  type Standing,
  type State,
  standingOf,
} from "@dimmer/core";

/** 2026-12-10T09:00+09:00, a Thursday on which most of the situations of these tests stand. */
export const NOW_MS: number = Date.parse("2026-12-10T09:00:00+09:00");

/** The moment of these tests, with contact. */
export const NOW: Moment = { nowMs: NOW_MS, horizonMs: NOW_MS + 86_400_000, freshness: "fresh" };

/** What is known of the tenant in a test; without `terms` it is not in the feed. */
export interface Situation {
  readonly policy?: CompiledPolicy;
  readonly plan?: string;
  readonly restrictions?: readonly RestrictionTerms[];
  readonly lock?: Omit<Lock, "tenant">;
  readonly moment?: Moment;
  readonly isUnknown?: boolean;
  readonly isHeld?: boolean;
}

/** Where the tenant of a situation stands. */
export function standingIn(situation: Situation): Standing {
  const { policy = compileStandardPolicy(), plan = "pro", restrictions = [], lock, moment = NOW } = situation;
  const state: State = {
    policy,
    held: situation.isHeld ?? true,
    lock,
    terms: situation.isUnknown === true ? undefined : { plan, restrictions },
  };
  return standingOf(state, moment);
}

/** Decides where a tenant stands. */
export function decideIn(standing: Standing, ask: Ask): Decision {
  return decide(standing.state, ask, standing.moment);
}

/** Steps by mode and ISO instant. */
export function stepped(cause: RestrictionTerms["cause"], steps: Readonly<Record<string, string>>): RestrictionTerms {
  return { cause, steps: Object.entries(steps).map(([mode, at]) => ({ mode, atMs: Date.parse(at) })) };
}

/** An unpaid invoice that has come to `limited`, with `read_only` ahead. */
export const UNPAID: RestrictionTerms = stepped("nonpayment", {
  full: "2026-12-01T09:00:00+09:00",
  grace: "2026-12-03T09:00:00+09:00",
  limited: "2026-12-10T09:00:00+09:00",
  read_only: "2026-12-17T09:00:00+09:00",
});

/** A security stop with nothing let through. */
export const LOCK: Omit<Lock, "tenant"> = {
  cause: "security",
  case: "INC-1",
  sinceMs: Date.parse("2026-12-09T23:10:00+09:00"),
  allow: [],
};
