import { canonicalPath, matchKeyOf, type PathFault } from "./canonical-path.ts";
import { type Classification, findRule, OPEN, type RouteTable } from "./route-table.ts";

/** What requests that no rule matches ask for, by method; every other method counts as a change. */
export const UNMATCHED: ReadonlyMap<string, Classification> = new Map(
  Object.entries({ GET: "view", HEAD: "view", POST: "create", PUT: "update", PATCH: "update", DELETE: "delete" }).map(
    ([method, capability]) => [method, Object.freeze({ capability, route: `unmatched ${method}` })],
  ),
);
const UNMATCHED_OTHER: Classification = Object.freeze({ capability: "update", route: "unmatched other" });
const PREFLIGHT: Classification = Object.freeze({ capability: OPEN, route: "OPTIONS" });

/** Why a method is refused: a product's framework may put it in capitals and carry out another than was judged. */
export type MethodFault = "method not in capitals";

/** A path or a method that could be read in two ways: the answer is 400, whoever asks. */
export interface RequestFault {
  readonly fault: PathFault | MethodFault;
}

const NOT_IN_CAPITALS: RequestFault = Object.freeze({ fault: "method not in capitals" });

/**
 * Tells what a request asks for: the capability of the first rule that matches, else the default of its method.
 * `OPTIONS` is `"open"` on any clean path. It reads nothing of the request but what it is given: method-override
 * headers count where the caller has applied them.
 *
 * Linear in the length of the target, without regular expressions. Never throws.
 *
 * @param method as it came: one that is not in capitals is a fault, and one that is not listed counts as `update`
 * @param target the request target as it came, query string and all
 */
export function classify(table: RouteTable, method: string, target: string): Classification | RequestFault {
  if (method !== method.toUpperCase()) return NOT_IN_CAPITALS;
  const canonical = canonicalPath(target);
  if ("fault" in canonical) return canonical;
  if (method === "OPTIONS") return PREFLIGHT;
  const rule = findRule(table, method, matchKeyOf(canonical.path));
  return rule?.classification ?? UNMATCHED.get(method) ?? UNMATCHED_OTHER;
}
