import type { StageDocument } from "@dimmer/core";
import type { CaseContext } from "../case-context.ts";
import type { Hold, PlannedStep, Reason, StepDecision, StepNotice, StepState } from "../plan.ts";
import { deadlineOf } from "./deadline.ts";
import { askDecision, type Decided, type DecisionAsk, decideStep } from "./decisions.ts";
import type { NoticeLog } from "./notice-log.ts";
import type { Opening, StageBefore, StageDates } from "./stage-dates.ts";

/** What the planning of one stage that is not in effect yet rests on. */
export interface StageInput {
  readonly context: CaseContext;
  readonly dates: StageDates;
  readonly log: NoticeLog;
  readonly round: string;
  readonly anchorDay: number;
  readonly before: StageBefore | undefined;
  readonly beforeDates: StageDates | undefined;
  /** Whether the stage before is signed or in effect, so that this one may be signed. */
  readonly isNext: boolean;
  /** What holds the clock now. */
  readonly holding: readonly Hold[];
  readonly signedAtMs: number | undefined;
  /** Whether a step of this stage was signed for this anchor and taken back. */
  readonly wasWithdrawn: boolean;
  readonly decideWithin: string;
}

/** The plan of one stage, and the day of its step as far as it has one. */
export interface StagePlan {
  readonly step: PlannedStep;
  readonly day: number | undefined;
}

interface Announcement {
  readonly accepted:
    | { readonly printedMs: number | undefined; readonly atMs: number; readonly sentMs: number }
    | undefined;
  readonly sentMs: number | undefined;
  readonly isUnreachable: boolean;
  /** When it counts from: its acceptance, else when it was or will be sent. */
  readonly countsMs: number | undefined;
}

/** Plans a stage that has not come yet, and asks for what is due about it. */
export function planStage(input: StageInput): StagePlan {
  const { context, dates, round, holding } = input;
  const { stage } = dates;
  const announcement = announcementOf(input);
  const ask: DecisionAsk = {
    stage: stage.name,
    round,
    mode: decisionModeOf(context, stage),
    openMs: announcement.sentMs,
    decideWithin: input.decideWithin,
  };
  const decided = decideStep(context, ask, context.nowMs);
  const reasons = dates.reasons(input.anchorDay);
  const opening =
    input.signedAtMs === undefined ? dateStep(input, announcement, decided, reasons) : signedOpening(input);
  const isVetoed = decided.shown.state === "vetoed";
  const isStill = holding.length > 0 || isVetoed || announcement.isUnreachable;
  for (const { kind, subject } of holding)
    reasons.push({ code: "held", message: `${kind} ${subject} holds the clock` });
  if (isVetoed) reasons.push({ code: "vetoed", message: "a veto stands" });
  if (announcement.isUnreachable) reasons.push({ code: "unreachable", message: "every address of the notice bounced" });
  const state = stateOf(input, announcement, isStill);
  if (!isStill && input.signedAtMs === undefined) askStep(input, announcement, { ask, decided, opening });
  if (announcement.isUnreachable && holding.length === 0) askContacts(input);
  return { step: stepOf(input, { state, opening, announcement, decision: decided.shown, reasons }), day: opening?.day };
}

function decisionModeOf({ case: { tenant } }: CaseContext, stage: StageDocument): string {
  return tenant.criticality === undefined ? stage.decision : (stage.decision_if_critical ?? stage.decision);
}

function announcementOf({ context, dates, log, round, anchorDay, before, beforeDates }: StageInput): Announcement {
  const { name } = dates.stage;
  const accepted = log.accepted(name, round, context.nowMs);
  const isUnreachable = accepted === undefined && log.unreachable !== undefined;
  if (accepted !== undefined) {
    const { fact } = accepted.notice;
    const shown = { printedMs: fact.stepAtMs, atMs: accepted.atMs, sentMs: fact.atMs };
    return { accepted: shown, sentMs: fact.atMs, isUnreachable, countsMs: accepted.atMs };
  }
  const pending = isUnreachable ? undefined : log.pending(name, round);
  if (pending !== undefined) {
    const countsMs = Math.max(pending.fact.atMs, context.nowMs);
    return { accepted: undefined, sentMs: pending.fact.atMs, isUnreachable, countsMs };
  }
  const plannedMs = dates.noticeMs(anchorDay, before, beforeDates);
  const countsMs = plannedMs === undefined ? undefined : Math.max(plannedMs, context.nowMs);
  return { accepted: undefined, sentMs: undefined, isUnreachable, countsMs };
}

/** The latest of all that a step waits for; each that moves it is a reason. */
function dateStep(
  input: StageInput,
  announcement: Announcement,
  decided: Decided,
  reasons: Reason[],
): Opening | undefined {
  const { context, dates, anchorDay, before } = input;
  const { accepted, countsMs } = announcement;
  const ideal = dates.heldDay(anchorDay);
  if (ideal === undefined || countsMs === undefined) return undefined;
  let opening = dates.opening(ideal);
  const notBefore = (next: Opening | undefined, code: Reason["code"], message: string): void => {
    if (opening === undefined || (next !== undefined && next.atMs <= opening.atMs)) return;
    opening = next;
    reasons.push({ code, message });
  };
  const afterNotice = dates.dayAfterNotice(context.days.dayOf(countsMs), anchorDay);
  notBefore(
    afterNotice === undefined ? undefined : dates.opening(afterNotice),
    "late_notice",
    "the notice keeps its time",
  );
  notBefore(
    dates.openingFrom(countsMs + dates.minLeadMs),
    "min_lead",
    `at least ${dates.stage.min_lead} after its notice`,
  );
  if (accepted?.printedMs !== undefined) {
    notBefore(dates.openingFrom(accepted.printedMs), "printed_date", "never before the date that the notice printed");
  }
  if (before !== undefined) notBefore(dates.opening(before.day + 1), "after_previous", `after ${before.stage.name}`);
  if (decided.madeMs !== undefined) {
    notBefore(dates.openingFrom(decided.madeMs), "decision", "never before its decision");
  }
  notBefore(
    dates.openingFrom(context.nowMs + 1),
    "late_signature",
    "it was not signed in time, and nothing narrows in the past",
  );
  return opening;
}

function signedOpening({ context, signedAtMs = 0 }: StageInput): Opening {
  return { day: context.days.dayOf(signedAtMs), atMs: signedAtMs };
}

function stateOf({ signedAtMs, wasWithdrawn }: StageInput, { accepted }: Announcement, isStill: boolean): StepState {
  if (signedAtMs !== undefined) return "signed";
  if (wasWithdrawn && (isStill || accepted === undefined)) return "withdrawn";
  if (isStill) return "held";
  return accepted === undefined ? "planned" : "announced";
}

interface Asked {
  readonly ask: DecisionAsk;
  readonly decided: Decided;
  readonly opening: Opening | undefined;
}

function askStep(
  input: StageInput,
  { accepted, sentMs, countsMs }: Announcement,
  { ask, decided, opening }: Asked,
): void {
  const { context, dates, log, round } = input;
  const { stage } = dates;
  if (opening === undefined) return;
  context.agenda.wakeAt(opening.atMs);
  const deadline = deadlineOf(opening.atMs, context.tenantDays);
  if (sentMs === undefined) {
    const dueMs = countsMs ?? opening.atMs;
    const key = `notice/${stage.name}/${round}/${log.of(stage.name, round).length}`;
    const notice = { stage: stage.name, round, template: stage.notice, stepAtMs: opening.atMs, deadline };
    context.agenda.ask({ key, dueMs, kind: "send_notice", ...notice });
    return;
  }
  askDecision(context, ask, decided);
  const isSignable = accepted !== undefined && input.isNext && decided.shown.state === "made";
  if (!isSignable) return;
  const { mode, deny } = stage;
  const dueMs = Math.max(accepted.atMs, decided.madeMs ?? accepted.atMs);
  const signed = { stage: stage.name, round, stepAtMs: opening.atMs, mode, ...(deny === undefined ? {} : { deny }) };
  context.agenda.ask({ key: `sign/${stage.name}/${round}`, dueMs, kind: "sign_step", ...signed });
}

function askContacts({ context, log }: StageInput): void {
  const lost = log.unreachable;
  if (lost === undefined) return;
  const { notice, atMs } = lost.fact;
  context.agenda.ask({ key: `contacts/${notice}`, dueMs: atMs, kind: "fix_contacts", notice });
}

interface Shown {
  readonly state: StepState;
  readonly opening: Opening | undefined;
  readonly announcement: Announcement;
  readonly decision: StepDecision;
  readonly reasons: readonly Reason[];
}

function stepOf({ context, dates, round }: StageInput, shown: Shown): PlannedStep {
  const { stage } = dates;
  const { opening, announcement } = shown;
  const atMs = opening?.atMs;
  const printedMs = announcement.accepted?.printedMs ?? atMs;
  const byMs = announcement.sentMs ?? announcement.countsMs;
  const notice: StepNotice = {
    template: stage.notice,
    ...(byMs === undefined ? {} : { byMs }),
    ...(printedMs === undefined ? {} : { deadline: deadlineOf(printedMs, context.tenantDays) }),
    ...(announcement.accepted === undefined ? {} : { acceptedMs: announcement.accepted.atMs }),
  };
  return {
    stage: stage.name,
    round,
    state: shown.state,
    ...(atMs === undefined ? {} : { atMs, at: context.days.iso(atMs) }),
    mode: stage.mode,
    ...(stage.deny === undefined ? {} : { deny: stage.deny }),
    notice,
    decision: shown.decision,
    reasons: shown.reasons,
  };
}
