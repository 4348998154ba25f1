import type { LadderDocument, Restriction, RestrictionCause, StageDocument, Step } from "@dimmer/core";
import { type CaseContext, calendarNamed, factsOf } from "../case-context.ts";
import { type AnchorSpan, anchorName } from "../facts/money.ts";
import type { Hold, PlannedDeletion, PlannedStep } from "../plan.ts";
import { HeldClock } from "./clock.ts";
import { isHeldAt } from "./holds.ts";
import { planReturn } from "./plan-return.ts";
import { planStage } from "./plan-stage.ts";
import { planDeletion } from "./retention.ts";
import { Rounds } from "./rounds.ts";
import { shownEffective } from "./shown-effective.ts";
import { planReminders, planTasks, planTells } from "./side-notices.ts";
import { judgeSigned, type SignedStep } from "./signed-steps.ts";
import { type StageBefore, StageDates } from "./stage-dates.ts";

/** What a ladder is planned from. */
export interface LadderInput {
  readonly context: CaseContext;
  readonly track: LadderDocument;
  readonly cause: RestrictionCause;
  readonly anchors: readonly AnchorSpan[];
  readonly holds: readonly Hold[];
  /** A floor that an exception in force or announced sets. */
  readonly exception: Restriction["exception"] | undefined;
}

/** The part of a plan that a ladder gives. */
export interface LadderPlan {
  readonly rounds: Rounds;
  readonly steps: readonly PlannedStep[];
  readonly restriction: Restriction | undefined;
  readonly deletion: PlannedDeletion | undefined;
  readonly obligations: readonly string[];
  readonly isCleared: boolean;
}

/** Plans a ladder: its stages one after the other, what is signed and what is lost, and the deletion behind it. */
export function planLadder(input: LadderInput): LadderPlan {
  const { context, track, anchors } = input;
  const clockHolds = input.holds.filter(({ holds }) => holds === "clock");
  const rounds = new Rounds(context, anchors, clockHolds);
  const log = context.log;
  const clock = new HeldClock(context.days, clockHolds);
  const datesOf = new Map(
    track.stages.map((stage) => {
      const calendar = calendarNamed(context, stage.calendar ?? track.calendar);
      return [stage.name, new StageDates(stage, calendar, context.days, clock)] as const;
    }),
  );
  const idealDay = (stage: StageDocument, anchorDay: number): number =>
    datesOf.get(stage.name)?.idealDay(anchorDay) ?? Number.POSITIVE_INFINITY;
  const signed = judgeSigned({ context, track, rounds, log, idealDay, gateMs: gateOf(context, track) });
  withdrawLost(context, signed);
  const kept = signed.filter(({ state }) => state !== "lost");
  const anchor = rounds.anchorAt(context.nowMs);
  for (const { untilMs } of clockHolds) if (untilMs !== undefined) context.agenda.wakeAt(untilMs);
  const steps: PlannedStep[] = [];
  const holding = clockHolds.filter((hold) => isHeldAt(hold, context.nowMs));
  let before: StageBefore | undefined;
  let isNext = true;
  for (const stage of track.stages) {
    const dates = datesOf.get(stage.name) as StageDates;
    const own = kept.findLast(({ fact }) => fact.stage === stage.name);
    if (own?.state === "effective") {
      steps.push(shownEffective(context, stage, own.fact, log));
      before = { stage, day: context.days.dayOf(own.fact.stepAtMs) };
      continue;
    }
    if (anchor?.day === undefined) break;
    const beforeDates = before === undefined ? undefined : datesOf.get(before.stage.name);
    const { step, day } = planStage({
      context,
      dates,
      log,
      round: rounds.of(stage.name, context.nowMs),
      anchorDay: anchor.day,
      before,
      beforeDates,
      isNext,
      holding,
      signedAtMs: own?.fact.stepAtMs,
      wasWithdrawn: wasWithdrawn(context, stage.name, anchor, signed),
      decideWithin: track.decide_within,
    });
    if (own !== undefined) context.agenda.wakeAt(own.fact.stepAtMs);
    steps.push(step);
    isNext = own !== undefined;
    if (day === undefined) continue;
    before = { stage, day };
  }
  const effective = kept.filter(({ state }) => state === "effective");
  planTells(context, track, effective, log);
  if (anchor?.day !== undefined) {
    planReminders({ context, track, anchor, clock, log, effective, isHeld: holding.length > 0 });
    planTasks(context, track, anchor);
  }
  const deletion = planDeletion({ context, track, effective, holds: input.holds, log, isOpen: anchor !== undefined });
  const back = planReturn(context, track, rounds, log);
  return {
    rounds,
    steps,
    restriction: restrictionOf(input, kept),
    deletion,
    obligations: back.obligations,
    isCleared: back.isCleared,
  };
}

function withdrawLost({ agenda }: CaseContext, signed: readonly SignedStep[]): void {
  for (const { fact, state, reason = "withdrawn" } of signed) {
    if (state !== "lost") continue;
    const { stage, round } = fact;
    agenda.ask({ key: `withdraw/${stage}/${round}`, dueMs: fact.atMs, kind: "withdraw_step", stage, round, reason });
  }
}

/** Whether a step of this stage was signed for this anchor, and is taken back or is to be. */
function wasWithdrawn(context: CaseContext, stage: string, anchor: AnchorSpan, signed: readonly SignedStep[]): boolean {
  const prefix = `${anchorName(anchor)}#`;
  const isLost = signed.some(
    ({ fact, state }) => state === "lost" && fact.stage === stage && fact.round.startsWith(prefix),
  );
  if (isLost) return true;
  return factsOf(context, "step_withdrawn").some((fact) => fact.stage === stage && fact.round.startsWith(prefix));
}

/** When the obligations were met that the return waits for; never while one is open; `undefined` where it waits for none. */
function gateOf(context: CaseContext, track: LadderDocument): number | undefined {
  if (track.restore.gate === "arrears_only") return undefined;
  let gateMs = 0;
  for (const obligation of track.restore.obligations) {
    const met = factsOf(context, "obligation_met").find((fact) => fact.obligation === obligation);
    gateMs = Math.max(gateMs, met?.atMs ?? Number.POSITIVE_INFINITY);
  }
  return gateMs;
}

/** What the entitlement says under this case: effective and promised steps, strictly ascending, and the floor. */
function restrictionOf(
  { context, cause, exception }: LadderInput,
  kept: readonly SignedStep[],
): Restriction | undefined {
  const steps: Step[] = kept
    .map(({ fact }) => fact)
    .toSorted((a, b) => a.stepAtMs - b.stepAtMs)
    .map(({ stepAtMs, mode, deny }) => ({ atMs: stepAtMs, mode, ...(deny === undefined ? {} : { deny }) }));
  const deleted = factsOf(context, "deleted")[0];
  if (deleted !== undefined)
    steps.push({ atMs: Math.max(deleted.atMs, (steps.at(-1)?.atMs ?? 0) + 1), mode: "closed" });
  const ascending = steps.filter((step, index) => step.atMs !== steps[index + 1]?.atMs);
  if (ascending.length === 0) return undefined;
  return { cause, case: context.case.case, steps: ascending, ...(exception === undefined ? {} : { exception }) };
}
