import type { Decision } from "./decision.ts";
import { judge } from "./judge.ts";
import type { Standing } from "./standing.ts";
import { PRINCIPALS, type Principal } from "./vocabulary.ts";

/** Decisions by slot: for each capability of the policy one place for an unstated principal and one for each class. */
export type DecisionTable = readonly Decision[];

/** What a table has for each capability, in the order of its places. */
const COLUMNS: readonly (Principal | undefined)[] = [undefined, ...PRINCIPALS];

/** How many places a table has for one capability. */
export const SLOTS_PER_CAPABILITY: number = COLUMNS.length;

/** Past this many distinct tables the shared ones are forgotten: profiles keep theirs, and sharing begins anew. */
const MAX_TABLES = 4_096;

/** A table that answers nothing: that of a profile not asked yet. */
export const EMPTY_TABLE: DecisionTable = Object.freeze([]);

/**
 * The table of `decide` for where a tenant stands. Equal tables are one object, so that 100,000 profiles on the same
 * few steps hold a few tables.
 */
export function tableOf(standing: Standing): DecisionTable {
  const { policy } = standing.state;
  const key = contentKeyOf(standing);
  const known = policy.tables.get(key);
  if (known !== undefined) return known;
  const table: Decision[] = [];
  for (const capability of policy.bits.keys()) {
    for (const principal of COLUMNS) table.push(judge(standing, capability, principal));
  }
  if (policy.tables.size >= MAX_TABLES) policy.tables.clear();
  policy.tables.set(key, table);
  return table;
}

/** Everything that a table depends on beside the policy, as a string: equal keys have equal tables. */
function contentKeyOf(standing: Standing): string {
  const { state, moment, mode, restrictions } = standing;
  const { lock, held, terms, isIllFormed } = state;
  const situation =
    isIllFormed === true ? "ill-formed" : held ? (terms === undefined ? "unknown" : "known") : "no data";
  const locked = lock === undefined ? "" : `${lock.cause} ${[...lock.allow].sort().join(" ")}`;
  const limits = restrictions.map(({ cause, rights }) => `${cause} ${rights.join(" ")}`);
  return [situation, mode, moment.freshness, locked, ...limits].join("|");
}
