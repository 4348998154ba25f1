import type { LadderDocument, RetentionDocument } from "@dimmer/core";
import type { Calendar } from "../calendar/calendar.ts";
import { type CaseContext, calendarNamed, factsOf } from "../case-context.ts";
import { refusal } from "../facts/sound-facts.ts";
import { offsetOf } from "../parsed.ts";
import type { Hold, PlannedDeletion, Reason } from "../plan.ts";
import { HeldClock } from "./clock.ts";
import { deadlineOf } from "./deadline.ts";
import { askDecision, type DecisionAsk, decideStep } from "./decisions.ts";
import { isHeldAt } from "./holds.ts";
import type { NoticeLog } from "./notice-log.ts";
import { askOnce } from "./side-notices.ts";
import type { SignedStep } from "./signed-steps.ts";
import type { Opening } from "./stage-dates.ts";

/** What a deletion is planned from. */
export interface DeletionInput {
  readonly context: CaseContext;
  readonly track: LadderDocument;
  readonly effective: readonly SignedStep[];
  readonly holds: readonly Hold[];
  readonly log: NoticeLog;
  readonly isOpen: boolean;
}

/**
 * Plans the end of the retention: counted from the last stage, put off by what was paid for, announced and announced
 * again, decided by persons, and never while anything holds it.
 */
export function planDeletion(input: DeletionInput): PlannedDeletion | undefined {
  const { context, track, effective, holds } = input;
  const { retention } = track;
  const last = effective.find(({ fact }) => fact.stage === track.stages.at(-1)?.name);
  if (retention === undefined || last === undefined || !input.isOpen) return undefined;
  const calendar = calendarNamed(context, track.calendar);
  const clock = new HeldClock(context.days, holds);
  const extendedDays = extensionOf(context, retention, last.fact.stepAtMs);
  const begun = holds.filter(
    ({ fromMs, untilMs = Number.POSITIVE_INFINITY }) =>
      fromMs <= context.nowMs && fromMs > last.fact.stepAtMs && untilMs > fromMs,
  );
  const round = `${last.fact.round}/deletion+${extendedDays}#${begun.length}`;
  const n = daysOf(retention.after) + extendedDays;
  const base = clock.after(context.days.dayOf(last.fact.stepAtMs), { n, unit: "d" }, calendar);
  const reasons: Reason[] = [
    {
      code: "offset",
      message: `${retention.after} after ${last.fact.stage} took effect, and ${extendedDays}d paid for`,
    },
  ];
  const holding = holds.filter((hold) => isHeldAt(hold, context.nowMs));
  for (const { kind, subject } of holding)
    reasons.push({ code: "held", message: `${kind} ${subject} holds the deletion` });
  const { opening, notices, isAnnounced } = announce(input, { retention, calendar, clock, base, round, holding });
  const ask: DecisionAsk = {
    stage: "deletion",
    round,
    mode: retention.decision,
    openMs: notices[0]?.acceptedMs,
    decideWithin: track.decide_within,
  };
  const decided = decideStep(context, ask, context.nowMs);
  if (decided.shown.state === "vetoed") reasons.push({ code: "vetoed", message: "a veto stands" });
  const isHeld = holding.length > 0 || opening === undefined || decided.shown.state === "vetoed";
  const isDone = factsOf(context, "deleted").length > 0;
  const isReady = !isHeld && isAnnounced && decided.shown.state === "made" && opening.atMs <= context.nowMs;
  if (!isHeld && !isDone) {
    askDecision(context, ask, decided);
    context.agenda.wakeAt(opening.atMs);
    const backupsUntilMs = context.days.startOf(context.days.dayOf(context.nowMs) + daysOf(retention.backups));
    if (isReady)
      context.agenda.ask({ key: `delete/${round}`, dueMs: opening.atMs, kind: "delete_data", backupsUntilMs });
  }
  const isFirstAccepted = notices[0]?.acceptedMs !== undefined;
  const state = isDone ? "done" : isHeld ? "held" : isReady ? "ready" : isFirstAccepted ? "announced" : "planned";
  return {
    round,
    state,
    ...(opening === undefined
      ? {}
      : {
          atMs: opening.atMs,
          at: context.days.iso(opening.atMs),
          deadline: deadlineOf(opening.atMs, context.tenantDays),
        }),
    notices,
    decision: decided.shown,
    extendedDays,
    reasons,
  };
}

interface Announced {
  readonly opening: Opening | undefined;
  readonly notices: PlannedDeletion["notices"];
  /** Whether the first notice and all that repeat it were accepted in time. */
  readonly isAnnounced: boolean;
}

interface ToAnnounce {
  readonly retention: RetentionDocument;
  readonly calendar: Calendar;
  readonly clock: HeldClock;
  /** The day of the deletion by its offset; `undefined`: held without an end. */
  readonly base: number | undefined;
  readonly round: string;
  readonly holding: readonly Hold[];
}

/** Announces the deletion, and again; each notice that is late puts it off, so that every one keeps its time. */
function announce({ context, log }: DeletionInput, what: ToAnnounce): Announced {
  const { retention, calendar, clock, round } = what;
  const notices: { byMs: number; acceptedMs?: number }[] = [];
  let next: { readonly stage: string; readonly dueMs: number } | undefined;
  let opening = what.base === undefined ? undefined : clock.opening(what.base, calendar);
  const leads = [retention.lead, ...retention.repeat.toSorted((a, b) => daysOf(b) - daysOf(a))].map(daysOf);
  for (const [index, lead] of leads.entries()) {
    if (opening === undefined) break;
    const stage = `deletion.${index}`;
    const dueMs = context.days.instantOf(opening.day - lead, calendar.opensMinute);
    const accepted = log.accepted(stage, round, context.nowMs);
    const countsMs = accepted?.atMs ?? Math.max(dueMs, context.nowMs);
    const printedMs = accepted?.notice.fact.stepAtMs ?? 0;
    const day = Math.max(opening.day, context.days.dayOf(countsMs) + lead, context.days.dayOf(printedMs));
    opening = clock.opening(day, calendar);
    notices.push({ byMs: dueMs, ...(accepted === undefined ? {} : { acceptedMs: accepted.atMs }) });
    if (accepted === undefined) next ??= { stage, dueMs };
  }
  if (next !== undefined && opening !== undefined && what.holding.length === 0) {
    const printed = { stepAtMs: opening.atMs, deadline: deadlineOf(opening.atMs, context.tenantDays) };
    askOnce(context, log, { ...next, round, template: retention.notice, ...printed });
  }
  return { opening, notices, isAnnounced: next === undefined };
}

/** The days paid for since the last stage took effect, up to the policy's maximum; what goes beyond is refused. */
function extensionOf(context: CaseContext, retention: RetentionDocument, sinceMs: number): number {
  const max = daysOf(retention.extension.max_total);
  let total = 0;
  for (const { id, days, atMs } of factsOf(context, "retention_extended")) {
    if (atMs < sinceMs) continue;
    if (Number.isSafeInteger(days) && days > 0 && total + days <= max) {
      total += days;
      continue;
    }
    const message = `${String(days)} more days would be over the maximum of ${retention.extension.max_total}`;
    context.quarantined.push(refusal(id, "extension_too_long", message));
  }
  return total;
}

function daysOf(text: string): number {
  return offsetOf(text).n;
}
