import { callerMistake, shown } from "../connect/caller-mistake.ts";
import { covers, overlaps } from "./pattern.ts";
import { type CompiledRule, checkFields, compilePlace, type RouteRule } from "./route-table.ts";

/** What must stay reachable for a customer to come back, or to go with their data. */
export const PROTECTED_FIELDS = ["login", "pay", "export", "contact", "leave"] as const;
/** A capability whose routes a product must name. */
export type ProtectedCapability = (typeof PROTECTED_FIELDS)[number];

/** A route by its method (any, where none is said) and its pattern. */
export type ProtectedRoute = Pick<RouteRule, "method" | "path">;

/**
 * Where the protected capabilities live: for each its routes, or `"elsewhere"` where another service has them. All five
 * must be said: the worst bug that a product can have is a 402 on the request that pays.
 */
export type ProtectedRoutes = Readonly<Record<ProtectedCapability, readonly ProtectedRoute[] | "elsewhere">>;

/** A protected route that the table would treat as something else. */
export interface ProtectedConflict {
  /** Such as `protected.pay[0]`. */
  readonly place: string;
  /** The protected route, for people. */
  readonly route: string;
  readonly capability: ProtectedCapability;
  /** The rule that stands in the way. */
  readonly rule: CompiledRule;
}

/**
 * Reads where the protected capabilities live, as rules of their own.
 *
 * @throws {TypeError} naming every capability that is missing, or the route that is ill-formed
 */
export function compileProtected(routes: ProtectedRoutes): readonly (CompiledRule & { readonly place: string })[] {
  checkFields("protected", routes ?? {}, PROTECTED_FIELDS);
  const missing = PROTECTED_FIELDS.filter((capability) => routes?.[capability] === undefined);
  if (missing.length > 0) {
    const fix =
      'say for each where it lives, as a list of { method?, path } or "elsewhere"; a guard must never close the way back';
    throw callerMistake("protected", `does not name ${missing.join(", ")}`, fix);
  }
  return PROTECTED_FIELDS.flatMap((capability) => compileRoutesOf(capability, routes[capability]));
}

function compileRoutesOf(
  capability: ProtectedCapability,
  routes: readonly ProtectedRoute[] | "elsewhere",
): (CompiledRule & { readonly place: string })[] {
  const field = `protected.${capability}`;
  if (routes === "elsewhere") return [];
  if (!Array.isArray(routes) || routes.length === 0) {
    const given = Array.isArray(routes) ? "is an empty list" : shown(routes);
    throw callerMistake(field, given, 'give its routes as { method?, path }, or "elsewhere"');
  }
  return (routes as readonly ProtectedRoute[]).map((route, index) => {
    const place = `${field}[${index}]`;
    checkFields(place, route, ["method", "path"]);
    const { method, pattern } = compilePlace(place, route);
    const label = method === undefined ? pattern.text : `${method} ${pattern.text}`;
    return { place, method, pattern, classification: Object.freeze({ capability, route: label }) };
  });
}

/**
 * Finds protected routes that a rule of the table would treat as something else than what they are: another capability,
 * `open`, or a feature besides. Only the rules that such requests reach are looked at, so a rule for the route itself in
 * front of a wide one settles it. Never throws.
 */
export function conflictsOf(
  rules: readonly CompiledRule[],
  protectedRules: readonly (CompiledRule & { readonly place: string })[],
): ProtectedConflict[] {
  const conflicts: ProtectedConflict[] = [];
  for (const { place, method, pattern, classification } of protectedRules) {
    for (const rule of rules) {
      if (!sharesMethod(rule.method, method) || !overlaps(rule.pattern, pattern)) continue;
      const capability = classification.capability as ProtectedCapability;
      if (rule.classification.capability !== capability || rule.classification.feature !== undefined) {
        conflicts.push({ place, route: classification.route, capability, rule });
        break;
      }
      if (coversMethod(rule.method, method) && covers(rule.pattern, pattern)) break;
    }
  }
  return conflicts;
}

/** Tells whether some method passes both rules. Never throws. */
function sharesMethod(a: string | undefined, b: string | undefined): boolean {
  return (
    a === undefined || b === undefined || a === b || (a === "GET" && b === "HEAD") || (a === "HEAD" && b === "GET")
  );
}

/** Tells whether every method that `narrow` takes is taken by `wide`. A rule for `GET` also takes `HEAD`. Never throws. */
export function coversMethod(wide: string | undefined, narrow: string | undefined): boolean {
  return wide === undefined || wide === narrow || (wide === "GET" && narrow === "HEAD");
}
