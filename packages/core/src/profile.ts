import type { CapabilitySlots } from "./capability-slots.ts";
import type { State } from "./decide.ts";
import type { Ask, Decision, FeatureDecision, Moment } from "./decision.ts";
import { type DecisionTable, EMPTY_TABLE, tableOf } from "./decision-table.ts";
import { judge, judgeFeature } from "./judge.ts";
import { type Standing, standingOf } from "./standing.ts";

/**
 * The table of `decide` for one state: principal → capability → decision. Shared by every tenant of the same state,
 * built when first asked after it became due, and never a source of truth of its own.
 *
 * It is made for one state: after a change of policy, terms or lock the replica makes another. `answer` and `standing`
 * follow any moment by themselves. Whoever reads `table` directly while `nowMs < untilMs` calls `expire` when the
 * freshness changed, when the clock went back, and when a horizon that lay behind moved.
 */
export class Profile {
  readonly state: State;
  /** The table holds while `nowMs < untilMs` (Unix milliseconds); `-Infinity` until it is built. */
  untilMs: number = Number.NEGATIVE_INFINITY;
  /** What was decided when it was built; empty until then. */
  table: DecisionTable = EMPTY_TABLE;
  /** The moment of the table. Kept instead of the standing, which is larger and cheap to work out again. */
  #built: Moment | undefined;

  constructor(state: State) {
    this.state = state;
  }

  /** Makes the next question build the table anew. */
  expire(): void {
    this.untilMs = Number.NEGATIVE_INFINITY;
  }

  /** Builds the table for a moment where the one held does not count for it. Costs about a microsecond, mostly none. */
  update(moment: Moment): void {
    if (this.#holdsAt(moment)) return;
    const standing = standingOf(this.state, moment);
    this.table = tableOf(standing);
    this.untilMs = standing.untilMs;
    this.#built = moment;
  }

  /** Where the state stands at the moment. Linear in its restrictions and steps; allocates. Never throws. */
  standing(moment: Moment): Standing {
    return standingOf(this.state, moment);
  }

  /** Answers a question, from the table where it can. Equals `decide` at every moment, in any order. Never throws. */
  answer(ask: Ask, moment: Moment): Decision | FeatureDecision {
    if (ask.feature !== undefined) return judgeFeature(this.standing(moment), ask.feature, ask);
    this.update(moment);
    const { principal, capability = "" } = ask;
    // A principal that merely spells "unstated" is none: it goes the way of every unknown one.
    const row = principal === undefined ? this.table.unstated : (principal as string) === "unstated" ? undefined : this.table[principal];
    return row?.[capability] ?? judge(this.standing(moment), capability, principal);
  }

  #holdsAt({ nowMs, horizonMs, freshness }: Moment): boolean {
    const built = this.#built;
    if (built === undefined || nowMs >= this.untilMs || nowMs < built.nowMs || freshness !== built.freshness) {
      return false;
    }
    // A horizon ahead does not count before `untilMs`; one that lies behind is part of the answer.
    return built.horizonMs >= built.nowMs ? horizonMs >= built.nowMs : horizonMs === built.horizonMs;
  }
}
