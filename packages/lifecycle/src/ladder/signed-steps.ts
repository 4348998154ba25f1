import type { LadderDocument, StageDocument } from "@dimmer/core";
import { type CaseContext, type FactOf, factsOf } from "../case-context.ts";
import type { ReasonCode } from "../plan.ts";
import { decideStep } from "./decisions.ts";
import type { NoticeLog } from "./notice-log.ts";
import type { Rounds } from "./rounds.ts";

/** A signed step and whether it is still meant. */
export interface SignedStep {
  readonly fact: FactOf<"step_signed">;
  /** `effective`: in force · `promised`: will be · `lost`: no longer meant. */
  readonly state: "effective" | "promised" | "lost";
  readonly reason?: ReasonCode;
}

/** What signed steps are judged by. */
export interface SignedStepsInput {
  readonly context: CaseContext;
  readonly track: LadderDocument;
  readonly rounds: Rounds;
  readonly log: NoticeLog;
  /** The day of a stage by an anchor alone, before any hold. */
  readonly idealDay: (stage: StageDocument, anchorDay: number) => number;
  /** When the last obligation was met that the return waits for; `undefined`: it waits for none. */
  readonly gateMs: number | undefined;
}

/**
 * Judges the signed steps by what was known when they took effect: a hold, a bounce or a veto before that instant means
 * that the step should not have come, however late it is heard of.
 */
export function judgeSigned(input: SignedStepsInput): SignedStep[] {
  const { context, track } = input;
  const withdrawals = factsOf(context, "step_withdrawn");
  const stages = new Map(track.stages.map((stage) => [stage.name, stage]));
  const judged: SignedStep[] = [];
  for (const fact of factsOf(context, "step_signed")) {
    const stage = stages.get(fact.stage);
    const isWithdrawn = withdrawals.some(({ stage: name, round }) => name === fact.stage && round === fact.round);
    if (isWithdrawn) continue;
    const reason = stage === undefined ? "withdrawn" : lossOf(input, fact, stage);
    if (reason !== undefined) judged.push({ fact, state: "lost", reason });
    else judged.push({ fact, state: fact.stepAtMs <= context.nowMs ? "effective" : "promised" });
  }
  return judged;
}

/** Why a signed step is no longer meant; `undefined` where it is. */
function lossOf(input: SignedStepsInput, fact: FactOf<"step_signed">, stage: StageDocument): ReasonCode | undefined {
  const { context, track, rounds, log } = input;
  const promiseMs = Math.min(context.nowMs, fact.stepAtMs);
  if (fact.round !== rounds.of(fact.stage, promiseMs)) {
    return rounds.anchorAt(promiseMs) === undefined
      ? "cleared"
      : hasMoved(rounds, fact, promiseMs)
        ? "re_anchored"
        : "held";
  }
  if (log.accepted(fact.stage, fact.round, promiseMs) === undefined) return "unreachable";
  const ask = { stage: fact.stage, round: fact.round, mode: "auto", openMs: 0, decideWithin: track.decide_within };
  if (decideStep(context, ask, promiseMs).shown.state === "vetoed") return "vetoed";
  for (const change of rounds.changesWithin(fact.stepAtMs, context.nowMs)) {
    if (change.day === undefined) {
      if (input.gateMs === undefined || input.gateMs <= context.nowMs) return "cleared";
      continue;
    }
    // A step is kept only if the new anchor alone would have brought the tenant there by then.
    const due = input.idealDay(stage, change.day);
    if (due > context.days.dayOf(change.fromMs)) return "re_anchored";
  }
  return undefined;
}

function hasMoved(rounds: Rounds, fact: FactOf<"step_signed">, promiseMs: number): boolean {
  return rounds.changesWithin(fact.atMs, promiseMs).length > 0;
}
