import { type Decision, type Denial, denialOf, type Explanation, explain, type Principal } from "@dimmer/core";
import { standingFrom, type ToldHere, withoutDenied } from "./told-standing.ts";

/** Explains a tenant of which only the policy and the lock are known. Never throws. */
export function explainHere(tenant: string, here: ToldHere, locale: string | undefined): Explanation {
  const { standing, cases } = standingFrom(undefined, here);
  return explain(standing, { tenant, cases, locale });
}

/**
 * The denial for a decision about a tenant that the sidecar explained, or did not. It is core's, over a standing that
 * is put together again from the explanation.
 *
 * @throws {TypeError} where the decision allows
 */
export function denialHere(
  tenant: string,
  decision: Decision,
  explanation: Explanation | undefined,
  { here, ...options }: { here: ToldHere; acceptLanguage?: string; principal?: Principal },
): Denial {
  const { standing, cases } = standingFrom(explanation, here, decision);
  const denied = decision.cause === undefined ? standing : withoutDenied(standing, decision, options.principal);
  return denialOf(decision, denied, { tenant, cases, ...options });
}
