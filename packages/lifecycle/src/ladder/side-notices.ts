import type { LadderDocument } from "@dimmer/core";
import { type CaseContext, calendarNamed } from "../case-context.ts";
import { type AnchorSpan, anchorName } from "../facts/money.ts";
import { durationMsOf, offsetOf } from "../parsed.ts";
import type { HeldClock } from "./clock.ts";
import type { NoticeLog } from "./notice-log.ts";
import type { SignedStep } from "./signed-steps.ts";

/** Asks for the notices that say that a step has taken effect. */
export function planTells(
  context: CaseContext,
  track: LadderDocument,
  effective: readonly SignedStep[],
  log: NoticeLog,
): void {
  for (const { fact } of effective) {
    const template = track.stages.find(({ name }) => name === fact.stage)?.tell;
    if (template === undefined) continue;
    askOnce(context, log, { stage: `${fact.stage}.told`, round: fact.round, template, dueMs: fact.stepAtMs });
  }
}

/** What reminders are planned from. */
export interface RemindersInput {
  readonly context: CaseContext;
  readonly track: LadderDocument;
  readonly anchor: AnchorSpan;
  readonly clock: HeldClock;
  readonly log: NoticeLog;
  readonly effective: readonly SignedStep[];
  readonly isHeld: boolean;
}

/** Asks for reminders. One whose time passed before its anchor counted, or behind a later step, is left out. */
export function planReminders({ context, track, anchor, clock, log, effective, isHeld }: RemindersInput): void {
  if (isHeld || anchor.day === undefined) return;
  const calendar = calendarNamed(context, track.calendar);
  const lastEffectiveMs = Math.max(0, ...effective.map(({ fact }) => fact.stepAtMs));
  for (const { name, notice, after } of track.reminders ?? []) {
    const offset = offsetOf(after);
    const day = clock.after(anchor.day, offset, calendar);
    if (day === undefined) continue;
    const dueMs = context.days.instantOf(day, calendar.opensMinute);
    if (dueMs < anchor.fromMs || dueMs < lastEffectiveMs) continue;
    askOnce(context, log, { stage: name, round: `${anchorName(anchor)}#reminder`, template: notice, dueMs });
  }
}

/** Asks for the tasks of a ladder. */
export function planTasks(context: CaseContext, track: LadderDocument, anchor: AnchorSpan): void {
  const calendar = calendarNamed(context, track.calendar);
  for (const { name, after, within } of track.tasks ?? []) {
    const offset = offsetOf(after);
    if (anchor.day === undefined) continue;
    const day = offset.unit === "bd" ? calendar.nthAfter(anchor.day, offset.n) : anchor.day + offset.n;
    const dueMs = context.days.instantOf(day, calendar.opensMinute);
    const latestMs = dueMs + durationMsOf(within);
    context.agenda.ask({ key: `task/${name}/${anchorName(anchor)}`, dueMs, kind: "start_task", task: name, latestMs });
  }
}

/** A notice that announces no step. */
export interface SideNotice {
  readonly stage: string;
  readonly round: string;
  readonly template: string;
  readonly dueMs: number;
  readonly latestMs?: number;
  readonly stepAtMs?: number;
  readonly deadline?: string;
}

/** Asks for a notice that announces no step, unless it went out; where every address bounced, for other contacts. */
export function askOnce({ agenda }: CaseContext, log: NoticeLog, notice: SideNotice): void {
  const { stage, round } = notice;
  const sent = log.of(stage, round);
  const lost = log.unreachable;
  if (lost !== undefined) {
    const { notice: id, atMs } = lost.fact;
    agenda.ask({ key: `contacts/${id}`, dueMs: atMs, kind: "fix_contacts", notice: id });
    return;
  }
  const isLost = sent.length > 0 && sent.every(({ fact, bounced }) => fact.addresses.every((a) => bounced.has(a)));
  if (sent.length > 0 && !isLost) return;
  agenda.ask({ key: `notice/${stage}/${round}/${sent.length}`, kind: "send_notice", ...notice });
}
