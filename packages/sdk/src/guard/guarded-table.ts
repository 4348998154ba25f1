import { callerMistake } from "../connect/caller-mistake.ts";
import { describeRule } from "../routes/lint-routes.ts";
import { compileProtected, conflictsOf, type ProtectedRoutes } from "../routes/protected-routes.ts";
import { compileRoutes, type RouteRule, type RouteTable, tableOf } from "../routes/route-table.ts";

/**
 * The table of a guard: the product's rules, then those of the protected routes that no rule names.
 *
 * @throws {TypeError} where a rule is malformed, a protected capability is missing, or the rules would treat a protected
 *   route as something else than what it is
 */
export function guardedTable(routes: readonly RouteRule[], protectedRoutes: ProtectedRoutes): RouteTable {
  const { rules } = compileRoutes(routes);
  const ownRules = compileProtected(protectedRoutes);
  const [conflict] = conflictsOf(rules, ownRules);
  if (conflict !== undefined) {
    const { place, route, capability, rule } = conflict;
    const given = `is ${route}, but ${describeRule(rule)} takes such requests`;
    throw callerMistake(
      `guard: ${place}`,
      given,
      `put a rule for ${route} with the capability "${capability}" in front of it`,
    );
  }
  return tableOf([...rules, ...ownRules]);
}
