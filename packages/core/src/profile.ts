import type { CapabilitySlots } from "./capability-slots.ts";
import type { State } from "./decide.ts";
import type { Ask, Decision, FeatureDecision, Moment } from "./decision.ts";
import { type DecisionTable, EMPTY_TABLE, tableOf } from "./decision-table.ts";
import { type FeatureAnswers, NO_FEATURE_ANSWERS, plainFeatureDecision } from "./feature-answers.ts";
import { judge, judgeFeature } from "./judge.ts";
import { type Standing, standingOf } from "./standing.ts";
import type { Principal } from "./vocabulary.ts";

/**
 * The table of `decide` for one state: capability × principal → decision. Shared by every tenant of the same state,
 * built when first asked after it became due, and never a source of truth of its own.
 *
 * It is made for one state: after a change of policy, terms or lock the replica makes another. `answer` and `standing`
 * follow any moment by themselves. Whoever calls `find` while `nowMs < untilMs` calls `expire` when the
 * freshness changed, when the clock went back, and when a horizon that lay behind moved.
 */
export class Profile {
  readonly state: State;
  /** The table holds while `nowMs < untilMs` (Unix milliseconds); `-Infinity` until it is built. */
  untilMs: number = Number.NEGATIVE_INFINITY;
  readonly #slots: CapabilitySlots;
  /** What was decided when it was built; empty until then. */
  #table: DecisionTable = EMPTY_TABLE;
  /** What was answered about features since then: filled in place, one by one as they are asked. */
  #features: (FeatureDecision | undefined)[] | undefined;
  /** The moment of the table. Kept instead of the standing, which is larger and cheap to work out again. */
  #built: Moment | undefined;

  constructor(state: State) {
    this.state = state;
    this.#slots = state.policy.slots;
  }

  /**
   * The decision on a capability, from the table: one look-up in a map as small as the policy, one in an array.
   * `undefined` for what the table does not have (an unknown capability or principal): ask `answer` then. Whoever calls
   * it compares `untilMs` first. Never throws, allocates nothing.
   */
  find(capability: string, principal: Principal | undefined): Decision | undefined {
    return this.#slots.findIn(this.#table, capability, principal);
  }

  /** The decisions of the moment of `update`, for whoever finds them in it by `CapabilitySlots.findIn` until `untilMs`. */
  get table(): DecisionTable {
    return this.#table;
  }

  /** Answers about features alone, by `featureSlots`, that hold until `untilMs`. Those not asked yet are missing in it. */
  get features(): FeatureAnswers {
    return this.#features ?? NO_FEATURE_ANSWERS;
  }

  /** Makes the next question build the table anew. */
  expire(): void {
    this.untilMs = Number.NEGATIVE_INFINITY;
  }

  /** Builds the table for a moment where the one held does not count for it. Costs about a microsecond, mostly none. */
  update(moment: Moment): void {
    if (this.#holdsAt(moment)) return;
    const standing = standingOf(this.state, moment);
    this.#table = tableOf(standing);
    this.#features = undefined;
    this.untilMs = standing.untilMs;
    this.#built = { ...moment }; // a copy: `basis` must be nobody else's
  }

  /** Another object each time the table was built, the same in between: whoever keeps what follows from it asks this. */
  get basis(): object {
    return this.#built ?? this;
  }

  /** Where the state stands at the moment. Linear in its restrictions and steps; allocates. Never throws. */
  standing(moment: Moment): Standing {
    return standingOf(this.state, moment);
  }

  /** Answers a question, from the table where it can. Equals `decide` at every moment, in any order. Never throws. */
  answer(ask: Ask, moment: Moment): Decision | FeatureDecision {
    if (ask.feature !== undefined) return this.#answerFeature(ask.feature, ask, moment);
    this.update(moment);
    const { principal, capability = "" } = ask;
    return this.find(capability, principal) ?? judge(this.standing(moment), capability, principal);
  }

  #answerFeature(feature: string, ask: Ask, moment: Moment): FeatureDecision {
    const { policy, held, terms } = this.state;
    const isPlain = ask.capability === undefined && ask.usage == null && ask.principal === undefined;
    // Fallbacks are not kept: whoever gives such an answer counts it, each time.
    const slot = isPlain && held && terms !== undefined ? policy.featureSlots.find(feature) : -1;
    if (slot === -1) return judgeFeature(this.standing(moment), feature, ask);
    this.update(moment);
    this.#features ??= Array.from({ length: policy.features.size });
    const known = this.#features[slot];
    if (known !== undefined) return known;
    const decision = plainFeatureDecision(this.standing(moment), feature);
    this.#features[slot] = decision;
    return decision;
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
