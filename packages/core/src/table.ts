import type { Decision } from "./decision.ts";
import { judge } from "./judge.ts";
import type { Standing } from "./standing.ts";
import { PRINCIPALS, type Principal } from "./vocabulary.ts";

/** What a table has for each capability: an unstated principal first, then the classes in their order. */
const COLUMNS: readonly (Principal | undefined)[] = [undefined, ...PRINCIPALS];

/** How many decisions a table holds for one capability. */
export const SLOTS_PER_CAPABILITY: number = COLUMNS.length;

/** More distinct tables than any policy needs; past it, the oldest are built again when asked for. */
const MAX_TABLES = 4_096;

/**
 * The decisions where a tenant stands, by slot. Equal standings share one table: a hundred thousand profiles that
 * differ only in the instants of their steps have a handful of tables between them.
 */
export function decisionsOf(standing: Standing): readonly Decision[] {
  const { policy } = standing.state;
  const key = keyOf(standing);
  const known = policy.tables.get(key);
  if (known !== undefined) return known;
  const decisions: Decision[] = [];
  for (const capability of policy.bits.keys()) {
    for (const principal of COLUMNS) decisions.push(judge(standing, capability, principal));
  }
  if (policy.tables.size >= MAX_TABLES) policy.tables.clear();
  policy.tables.set(key, decisions);
  return decisions;
}

/** All that `judge` reads of a standing, as text. */
function keyOf({ state, moment, mode, restrictions }: Standing): string {
  const { held, lock, isIllFormed, terms } = state;
  const known = isIllFormed === true ? "ill-formed" : !held ? "no data" : terms === undefined ? "unknown" : "known";
  const lockKey = lock === undefined ? "" : `${lock.cause}:${lock.allow.join()}`;
  const rights = restrictions.map((restriction) => `${restriction.cause}:${restriction.rights.join()}`);
  return `${known} ${moment.freshness} ${mode} ${lockKey} ${rights.join(" ")}`;
}
