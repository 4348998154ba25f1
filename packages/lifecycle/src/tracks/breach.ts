import type { BreachDocument, Lock, Restriction } from "@dimmer/core";
import { type CaseContext, calendarNamed, type FactOf, factsOf } from "../case-context.ts";
import { refusal } from "../facts/sound-facts.ts";
import { HeldClock } from "../ladder/clock.ts";
import { deadlineOf } from "../ladder/deadline.ts";
import { holdsOf, isHeldAt } from "../ladder/holds.ts";
import { askOnce } from "../ladder/side-notices.ts";
import { durationMsOf } from "../parsed.ts";
import type { PlannedStep, Reason } from "../plan.ts";
import type { TrackPlan } from "./track-plan.ts";

const STAGE = "measure";

/** Plans a breach: evidence is kept, the lawyers look, and only then something is done. */
export function planBreach(context: CaseContext, track: BreachDocument): TrackPlan {
  const review = reviewOf(context, track);
  const cured = factsOf(context, "breach_cured").findLast(({ atMs }) => review !== undefined && atMs >= review.atMs);
  const holds = holdsOf(context, []);
  const rest = { holds, openInvoices: [], obligations: [], anchor: undefined };
  const isDue = factsOf(context, "breach_reported").length > 0;
  if (review?.verdict !== "act" || review.measure === undefined || cured !== undefined) {
    if (cured !== undefined) restore(context, track, cured);
    askNext(context, track, review);
    return {
      ...rest,
      steps: [],
      restriction: undefined,
      isCleared: cured !== undefined || review?.verdict === "dismiss",
      isDue,
    };
  }
  const { measure } = review;
  if (measure.kind === "lock") {
    const lock: Lock = {
      tenant: context.case.tenant.id,
      cause: "breach",
      case: context.case.case,
      sinceMs: review.atMs,
      allow: measure.allow,
    };
    context.agenda.ask({ key: `lock/${review.id}`, dueMs: review.atMs, kind: "lock", lock });
    return { ...rest, steps: [], restriction: undefined, lock, isCleared: false, isDue };
  }
  const step = planMeasure(context, track, review);
  const own = factsOf(context, "step_signed").findLast(({ round }) => round === review.id);
  const steps =
    own === undefined
      ? []
      : [{ atMs: own.stepAtMs, mode: own.mode, ...(own.deny === undefined ? {} : { deny: own.deny }) }];
  const restriction: Restriction | undefined =
    own === undefined ? undefined : { cause: "breach", case: context.case.case, steps };
  return { ...rest, steps: [step], restriction, isCleared: false, isDue };
}

/** The review that counts: after the evidence, with a clause, ordering only what the policy lets it order. */
function reviewOf(context: CaseContext, track: BreachDocument): FactOf<"legal_reviewed"> | undefined {
  let reported: number | undefined;
  let preserved: number | undefined;
  let review: FactOf<"legal_reviewed"> | undefined;
  const refuse = (id: string, message: string): void => {
    context.quarantined.push(refusal(id, "out_of_order", message));
  };
  for (const fact of context.facts) {
    if (fact.kind === "breach_reported") reported ??= fact.atMs;
    if (fact.kind === "evidence_preserved") {
      if (reported === undefined) refuse(fact.id, "evidence is kept of a breach that was reported: report it first");
      else preserved ??= fact.atMs;
    }
    if (fact.kind === "breach_cured" && review === undefined)
      refuse(fact.id, "nothing was ordered that could be cured");
    if (fact.kind !== "legal_reviewed") continue;
    if (preserved === undefined) refuse(fact.id, "the evidence comes before the review: preserve it first");
    else if (isAllowed(context, track, fact)) review = fact;
  }
  return review;
}

function isAllowed(
  context: CaseContext,
  track: BreachDocument,
  { id, clause, verdict, measure }: FactOf<"legal_reviewed">,
): boolean {
  if (verdict === "dismiss") return true;
  const refuse = (code: "ground_missing" | "measure_not_allowed", message: string): false => {
    context.quarantined.push(refusal(id, code, message));
    return false;
  };
  if (clause === "" || clause === undefined) return refuse("ground_missing", "it names no clause of the contract");
  if (measure === undefined) return refuse("measure_not_allowed", "it orders nothing");
  const { capabilities, features } = context.policy;
  if (measure.kind === "mode") {
    return (
      track.modes.includes(measure.mode) ||
      refuse("measure_not_allowed", `the policy orders ${track.modes.join(", ")}, not ${measure.mode}`)
    );
  }
  if (measure.kind === "lock") return true;
  const unknown = measure.deny.find((item) => {
    const isKnown = item.startsWith("feature:") ? Object.hasOwn(features, item.slice(8)) : capabilities.includes(item);
    return !isKnown || PROTECTED.includes(item);
  });
  return (
    unknown === undefined ||
    refuse("measure_not_allowed", `${unknown} cannot be denied: unknown to the policy, or always open to admins`)
  );
}

const PROTECTED: readonly string[] = ["export", "pay", "contact", "leave", "login"];

function planMeasure(context: CaseContext, track: BreachDocument, review: FactOf<"legal_reviewed">): PlannedStep {
  const { agenda, nowMs, days } = context;
  const log = context.log;
  const calendar = calendarNamed(context, track.calendar);
  const round = review.id;
  const { measure } = review;
  const mode = measure?.kind === "mode" ? measure.mode : (context.policy.modes[0]?.name ?? "");
  const deny = measure?.kind === "deny" ? measure.deny : undefined;
  const own = factsOf(context, "step_signed").findLast((fact) => fact.round === round);
  const accepted = log.accepted(STAGE, round, own?.stepAtMs ?? nowMs);
  const countsMs = Math.max(review.atMs, accepted?.atMs ?? nowMs, own === undefined ? nowMs : 0);
  const reasons: Reason[] = [{ code: "decision", message: `reviewed under ${review.clause}` }];
  const clock = new HeldClock(days, []);
  const earliestMs = countsMs + durationMsOf(track.min_lead);
  const atMs = own?.stepAtMs ?? Math.max(staffedFrom(earliestMs), accepted?.notice.fact.stepAtMs ?? 0);
  const held = holdsOf(context, []).filter((hold) => hold.holds === "clock" && isHeldAt(hold, nowMs));
  if (own === undefined && held.length === 0) {
    const printed = { stepAtMs: atMs, deadline: deadlineOf(atMs, context.tenantDays) };
    askOnce(context, log, { stage: STAGE, round, template: track.notice, dueMs: review.atMs, ...printed });
    const signed = { stage: STAGE, round, stepAtMs: atMs, mode, ...(deny === undefined ? {} : { deny }) };
    if (accepted !== undefined)
      agenda.ask({ key: `sign/${STAGE}/${round}`, dueMs: accepted.atMs, kind: "sign_step", ...signed });
  }
  agenda.wakeAt(atMs);
  for (const { kind, subject } of held) reasons.push({ code: "held", message: `${kind} ${subject} holds the clock` });
  const state =
    own !== undefined
      ? own.stepAtMs <= nowMs
        ? "effective"
        : "signed"
      : held.length > 0
        ? "held"
        : accepted === undefined
          ? "planned"
          : "announced";
  return {
    stage: STAGE,
    round,
    state,
    atMs,
    at: days.iso(atMs),
    mode,
    ...(deny === undefined ? {} : { deny }),
    notice: {
      template: track.notice,
      byMs: accepted?.notice.fact.atMs ?? review.atMs,
      deadline: deadlineOf(atMs, context.tenantDays),
      ...(accepted === undefined ? {} : { acceptedMs: accepted.atMs }),
    },
    decision: {
      mode: "manual",
      state: "made",
      approvedBy: review.by === undefined ? [] : [review.by],
      approversNeeded: 1,
    },
    reasons,
  };

  /** Somebody is there to answer: within the hours of a business day at once, else at the next opening. */
  function staffedFrom(fromMs: number): number {
    const day = days.dayOf(fromMs);
    const isOpen =
      calendar.isBusinessDay(day) &&
      fromMs >= days.instantOf(day, calendar.opensMinute) &&
      fromMs < days.instantOf(day, calendar.closesMinute);
    return isOpen ? fromMs : (clock.openingFrom(fromMs, calendar)?.atMs ?? fromMs);
  }
}

function askNext(
  { agenda, ...context }: CaseContext,
  track: BreachDocument,
  review: FactOf<"legal_reviewed"> | undefined,
): void {
  const reported = factsOf({ agenda, ...context }, "breach_reported")[0];
  if (reported === undefined || review !== undefined) return;
  const preserved = factsOf({ agenda, ...context }, "evidence_preserved")[0];
  const latestMs = (preserved ?? reported).atMs + durationMsOf(track.decide_within);
  const task = preserved === undefined ? "preserve_evidence" : "legal_review";
  agenda.ask({
    key: `task/${task}/${reported.id}`,
    dueMs: (preserved ?? reported).atMs,
    kind: "start_task",
    task,
    latestMs,
  });
}

function restore(context: CaseContext, track: BreachDocument, cured: FactOf<"breach_cured">): void {
  const signed = factsOf(context, "step_signed");
  const wasLocked = factsOf(context, "legal_reviewed").some(({ measure }) => measure?.kind === "lock");
  const withdrawn = factsOf(context, "step_withdrawn");
  for (const { stage, round } of signed) {
    if (withdrawn.some((fact) => fact.stage === stage && fact.round === round)) continue;
    context.agenda.ask({
      key: `withdraw/${stage}/${round}`,
      dueMs: cured.atMs,
      kind: "withdraw_step",
      stage,
      round,
      reason: "cleared",
    });
  }
  if (wasLocked) context.agenda.ask({ key: `unlock/${cured.id}`, dueMs: cured.atMs, kind: "unlock" });
  if (signed.length === 0) return;
  context.agenda.ask({ key: `restore/${cured.id}`, dueMs: cured.atMs, kind: "restore" });
  askOnce(context, context.log, {
    stage: "restored",
    round: cured.id,
    template: track.restore.notice,
    dueMs: cured.atMs,
  });
}
