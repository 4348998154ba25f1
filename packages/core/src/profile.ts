import type { CompiledPolicy } from "./compile.ts";
import type { State } from "./decide.ts";
import type { Ask, Decision, FeatureDecision, Moment } from "./decision.ts";
import { judge, judgeFeature } from "./judge.ts";
import { type Standing, standingOf } from "./standing.ts";
import { PRINCIPALS, type Principal } from "./vocabulary.ts";

/** Decisions by capability; without a prototype, so that no inherited name is ever found in it. */
export type DecisionRow = { readonly [capability: string]: Decision };
/** Decision rows by principal class, and `unstated`. */
export type DecisionTable = { readonly [principal: string]: DecisionRow };

const EMPTY_TABLE: DecisionTable = Object.freeze(Object.create(null) as DecisionTable);

/**
 * The table of `decide` for one state: principal → capability → decision. Shared by every tenant of the same state,
 * built when first asked after it became due, and never a source of truth of its own.
 *
 * Not safe to keep across a change of policy, terms or lock: the replica makes another one then. After a change of
 * freshness, horizon or clock, call `expire`.
 */
export class Profile {
  readonly state: State;
  /** The table holds while `nowMs < untilMs` (Unix milliseconds); `-Infinity` until it is built. */
  untilMs: number = Number.NEGATIVE_INFINITY;
  table: DecisionTable = EMPTY_TABLE;
  #standing: Standing | undefined;

  constructor(state: State) {
    this.state = state;
  }

  /** Makes the next question build the table anew. */
  expire(): void {
    this.untilMs = Number.NEGATIVE_INFINITY;
    this.#standing = undefined;
  }

  /** Where the state stands at the moment; worked out at most once per validity. */
  standing(moment: Moment): Standing {
    if (this.#standing === undefined || moment.nowMs >= this.untilMs) this.#build(moment);
    return this.#standing as Standing;
  }

  /** Answers a question, from the table where it can. Equals `decide`; never throws. */
  answer(ask: Ask, moment: Moment): Decision | FeatureDecision {
    const standing = this.standing(moment);
    if (ask.feature !== undefined) return judgeFeature(standing, ask.feature, ask);
    const capability = ask.capability ?? "";
    return this.table[ask.principal ?? "unstated"]?.[capability] ?? judge(standing, capability, ask.principal);
  }

  #build(moment: Moment): void {
    const standing = standingOf(this.state, moment);
    this.#standing = standing;
    this.table = tableOf(this.state.policy, standing);
    this.untilMs = standing.untilMs;
  }
}

/** Tables are alike for most profiles (every tenant in `full`): one is kept per distinct content. */
function tableOf(policy: CompiledPolicy, standing: Standing): DecisionTable {
  const table: Record<string, DecisionRow> = Object.create(null) as Record<string, DecisionRow>;
  for (const principal of [undefined, ...PRINCIPALS] as (Principal | undefined)[]) {
    const row: Record<string, Decision> = Object.create(null) as Record<string, Decision>;
    for (const capability of policy.bits.keys()) row[capability] = judge(standing, capability, principal);
    table[principal ?? "unstated"] = row;
  }
  return table;
}
