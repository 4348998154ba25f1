import type { CompiledPolicy } from "./compile.ts";
import type { Ask, Decision, FeatureDecision, Moment } from "./decision.ts";
import type { Lock, Terms } from "./entitlement.ts";
import { judge, judgeFeature } from "./judge.ts";
import { standingOf } from "./standing.ts";

/** All that is known about one tenant: its terms under the policy in force, and its lock if any. */
export interface State {
  /** The policy in force; before the first one is held, the one that gives the fallbacks. */
  readonly policy: CompiledPolicy;
  /** Whether verified data is held at all; without it every answer is the `no_data` fallback. */
  readonly held: boolean;
  readonly terms?: Terms | undefined;
  readonly lock?: Omit<Lock, "tenant"> | undefined;
  /** The tenant id is ill-formed: denied `unknown_tenant`, whatever the fallbacks say. */
  readonly isIllFormed?: boolean;
}

/**
 * Decides whether a tenant may do what is asked, at a moment: the definition that every other form of the answer
 * equals. Total and pure: it knows no clock and no state but its arguments. The order of its rules is: unknown
 * capability, lock, fallbacks, restrictions, feature, limit; the first that denies gives the reason. Never throws.
 *
 * @param ask a capability, a feature or both; with neither, the capability `""`, which is unknown
 * @returns a frozen, shared decision, or one built for the call where a feature is asked for
 * @see docs/concepts.md
 */
export function decide(state: State, ask: Ask, moment: Moment): Decision | FeatureDecision {
  const standing = standingOf(state, moment);
  return ask.feature === undefined
    ? judge(standing, ask.capability ?? "", ask.principal)
    : judgeFeature(standing, ask.feature, ask);
}
