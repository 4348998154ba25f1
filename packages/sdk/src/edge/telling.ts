import {
  compileStandardPolicy,
  type Decision,
  type Denial,
  denialOf,
  type Explanation,
  explain,
  type Moment,
  type Principal,
  type State,
  standingOf,
} from "@dimmer/core";

/** What is to be told of a tenant, and when. */
export interface Told {
  readonly tenant: string;
  readonly state: State;
  readonly moment: Moment;
  /** The case of each restriction. */
  readonly cases: readonly string[];
}

/** Explains where a tenant stands. Never throws. */
export function explainTold(told: Told, options: { readonly locale?: string } = {}): Explanation {
  const { tenant, cases } = told;
  return explain(standingOf(withTexts(told.state), told.moment), { tenant, cases, ...options });
}

/** The denial for a decision. @throws {TypeError} where it allows */
export function denyTold(
  told: Told,
  decision: Decision,
  options: { readonly acceptLanguage?: string; readonly principal?: Principal } = {},
): Denial {
  const { tenant, cases } = told;
  return denialOf(decision, standingOf(withTexts(told.state), told.moment), { tenant, cases, ...options });
}

/** Before a policy is held, the standard one speaks. */
function withTexts(state: State): State {
  const isSilent = Object.keys(state.policy.document.texts).length === 0;
  return isSilent ? { ...state, policy: compileStandardPolicy() } : state;
}
