import { judge } from "./judge.ts";
import { type Links, linksOf } from "./links.ts";
import type { LinksDocument } from "./policy.ts";
import type { Standing } from "./standing.ts";
import { type Principal, RESTRICTION_CAUSES } from "./vocabulary.ts";

/** The capabilities that a principal still has where a tenant stands, in the policy's order. */
export function stillAllowedFor(standing: Standing, principal: Principal): string[] {
  return [...standing.state.policy.bits.keys()].filter((name) => judge(standing, name, principal).allowed);
}

/** Whether an unpaid invoice restricts the tenant by now: paying it is then part of the way back. */
export function isUnpaid(standing: Standing): boolean {
  return standing.restrictions.some(({ cause, sinceMs }) => cause === "nonpayment" && sinceMs !== undefined);
}

/**
 * The links that lead somewhere: to paying and exporting where an admin still may, to support always. Under a lock no
 * link names a case: it would tell that there is one.
 *
 * @param cases the case of each restriction, in the entitlement's order
 */
export function openLinks(standing: Standing, tenant: string, cases: readonly string[]): Links {
  const { policy, lock } = standing.state;
  const wanted: (keyof LinksDocument)[] = ["support"];
  for (const name of ["pay", "export"] as const) {
    if (policy.bits.has(name) && judge(standing, name, "admin").allowed) wanted.push(name);
  }
  const caseOf = (causes: readonly string[]): string | undefined => {
    if (lock !== undefined) return undefined;
    const index = standing.restrictions.find(({ cause }) => causes.includes(cause))?.index;
    return index === undefined ? undefined : cases[index];
  };
  const { links } = policy.document;
  return {
    ...linksOf(
      links,
      { tenant, case: caseOf(["nonpayment"]) },
      wanted.filter((name) => name === "pay"),
    ),
    ...linksOf(
      links,
      { tenant, case: caseOf(RESTRICTION_CAUSES) },
      wanted.filter((name) => name !== "pay"),
    ),
  };
}
