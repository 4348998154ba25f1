import type { Offset } from "../offset.ts";
import { LOGIN_CAPABILITY, PROTECTED_CAPABILITIES } from "../vocabulary.ts";
import { type Findings, placeOf, shown } from "./findings.ts";
import { lintRestore, lintRetention } from "./retention.ts";
import { lintNamed, lintSchedulableMode, type SchedulingNames, UNANNOUNCED } from "./scheduled-names.ts";
import { asArray, asObject, isWellNamed, type JsonObject, member, reportUnknown, warnUnknownFields } from "./shape.ts";
import { daysOf, durationOf, lintDecision, lintOneOf, offsetOf, requiredOf } from "./spans.ts";

const LADDER = ["calendar", "stages", "reminders", "tasks", "decide_within", "retention", "restore"];
const NONPAYMENT = ["clock_start", "final_retry_cap", "clears", "reactions"];
const STAGE = [
  "name",
  "after",
  "floor",
  "mode",
  "deny",
  "notice",
  "announce",
  "min_lead",
  "decision",
  "decision_if_critical",
  "tell",
  "calendar",
];
const MAX_STAGES = 32;
const DAY_MS = 86_400_000;

interface Stage {
  readonly place: string;
  readonly rank: number | undefined;
  readonly after: Offset | undefined;
}

/** The rules about a ladder: stages in order, each announced in time, none that may not be scheduled. */
export function lintLadder(
  findings: Findings,
  track: JsonObject,
  place: string,
  names: SchedulingNames,
  more: readonly string[] = [],
): void {
  warnUnknownFields(findings, track, place, [...LADDER, ...more]);
  lintNamed(findings, member(findings, track, "calendar", place), `${place}.calendar`, "calendar", names.calendars);
  durationOf(findings, { object: track, place }, "decide_within");
  const items = asArray(findings, member(findings, track, "stages", place), `${place}.stages`, MAX_STAGES) ?? [];
  const seen = new Set<string>();
  const stages: Stage[] = [];
  for (const [index, item] of items.entries()) {
    const at = placeOf(`${place}.stages`, index);
    const stage = asObject(findings, item, at);
    if (stage === undefined) continue;
    stages.push(lintStage(findings, stage, at, names));
    lintUnique(findings, seen, stage["name"], `${at}.name`);
  }
  lintOrder(findings, stages);
  lintReminders(findings, track["reminders"], `${place}.reminders`, names);
  lintTasks(findings, track["tasks"], `${place}.tasks`);
  if (track["retention"] !== undefined) lintRetention(findings, track["retention"], `${place}.retention`, names);
  lintRestore(findings, member(findings, track, "restore", place), `${place}.restore`, names);
}

/** The rules about nonpayment: those of a ladder, and that nobody is locked out without a milder stage before. */
export function lintNonpaymentTrack(
  findings: Findings,
  track: JsonObject,
  place: string,
  names: SchedulingNames,
): void {
  lintLadder(findings, track, place, names, NONPAYMENT);
  lintMilderStage(findings, track["stages"], `${place}.stages`, names);
  const start = asObject(findings, member(findings, track, "clock_start", place) ?? {}, `${place}.clock_start`);
  for (const method of ["invoice", "card"]) {
    if (start === undefined || track["clock_start"] === undefined) break;
    const value = member(findings, start, method, `${place}.clock_start`);
    lintOneOf(findings, value, `${place}.clock_start.${method}`, ["due_date", "final_retry"]);
  }
  daysOf(findings, { object: track, place }, "final_retry_cap");
  lintOneOf(findings, member(findings, track, "clears", place), `${place}.clears`, ["oldest_first", "all_overdue"]);
  const reactions =
    track["reactions"] === undefined ? [] : asArray(findings, track["reactions"], `${place}.reactions`, MAX_STAGES);
  for (const [index, item] of (reactions ?? []).entries()) {
    const at = placeOf(`${place}.reactions`, index);
    const reaction = asObject(findings, item, at);
    if (reaction === undefined) continue;
    warnUnknownFields(findings, reaction, at, ["on", "notice", "within"]);
    lintOneOf(findings, member(findings, reaction, "on", at), `${at}.on`, ["payment_failed", "card_expiring"]);
    lintNamed(findings, member(findings, reaction, "notice", at), `${at}.notice`, "notice", names.notices);
    durationOf(findings, { object: reaction, place: at }, "within");
  }
}

function lintStage(findings: Findings, stage: JsonObject, place: string, names: SchedulingNames): Stage {
  warnUnknownFields(findings, stage, place, STAGE);
  const part = { object: stage, place };
  const announced = { ...part, code: "step_unannounced" as const, without: UNANNOUNCED };
  const name = member(findings, stage, "name", place);
  if (name !== undefined) isWellNamed(findings, name, `${place}.name`);
  const after = offsetOf(findings, part, "after");
  if (stage["floor"] !== undefined) daysOf(findings, part, "floor");
  const mode = member(findings, stage, "mode", place);
  const rank = mode === undefined ? undefined : lintSchedulableMode(findings, mode, `${place}.mode`, names);
  if (stage["deny"] !== undefined) lintDenied(findings, stage["deny"], `${place}.deny`, names);
  lintNamed(findings, requiredOf(findings, announced, "notice"), `${place}.notice`, "notice", names.notices);
  const announce = offsetOf(findings, announced, "announce");
  if (after !== undefined && announce !== undefined) lintGap(findings, after, announce, place);
  const leadMs = durationOf(findings, announced, "min_lead");
  if (leadMs !== undefined && leadMs < DAY_MS) {
    const message = "less than a day is no notice";
    findings.error({ code: "step_unannounced", place: `${place}.min_lead`, message, fix: 'Write at least "1d".' });
  }
  lintDecision(findings, member(findings, stage, "decision", place), `${place}.decision`);
  lintDecision(findings, stage["decision_if_critical"], `${place}.decision_if_critical`);
  lintNamed(findings, stage["tell"], `${place}.tell`, "notice", names.notices);
  lintNamed(findings, stage["calendar"], `${place}.calendar`, "calendar", names.calendars);
  return { place, rank, after };
}

function lintGap(findings: Findings, after: Offset, announce: Offset, place: string): void {
  // A business day is never shorter than a calendar day, so only the other mixture can turn the order around.
  const isBefore =
    announce.unit === after.unit || after.unit === "bd" ? announce.n < after.n : announce.n * 2 < after.n;
  if (isBefore) return;
  const message = "the announcement does not come before the step";
  findings.error({ code: "step_unannounced", place: `${place}.announce`, message, fix: "Announce it earlier." });
}

function lintDenied(findings: Findings, value: unknown, place: string, names: SchedulingNames): void {
  for (const [index, item] of (asArray(findings, value, place, 64) ?? []).entries()) {
    const at = placeOf(place, index);
    const feature = typeof item === "string" && item.startsWith("feature:") ? item.slice(8) : undefined;
    if (feature === undefined ? !names.capabilities.has(item as string) : !names.features.has(feature)) {
      reportUnknown(findings, at, feature === undefined ? "capability" : "feature", item);
    } else if (([...PROTECTED_CAPABILITIES, LOGIN_CAPABILITY] as unknown[]).includes(item)) {
      const message = `the step denies ${shown(item)} to admins`;
      findings.error({ code: "protected_denied", place: at, message, fix: 'Only the mode "closed" may deny it.' });
    }
  }
}

function lintOrder(findings: Findings, stages: readonly Stage[]): void {
  for (const [index, { place, rank, after }] of stages.entries()) {
    const before = stages[index - 1];
    if (before === undefined) continue;
    const isHarder = rank === undefined || before.rank === undefined || rank > before.rank;
    const isLater =
      after === undefined || before.after === undefined || after.unit !== before.after.unit || after.n > before.after.n;
    if (isHarder && isLater) continue;
    const message = isHarder ? "it does not come after the stage before it" : "it does not narrow the stage before it";
    const fix = "Put the stages in order, mildest and earliest first.";
    findings.error({ code: "stage_order", place: isHarder ? `${place}.after` : `${place}.mode`, message, fix });
  }
}

/** A mode that shuts members out needs a stage before it that narrows less. */
function lintMilderStage(findings: Findings, value: unknown, place: string, names: SchedulingNames): void {
  const first = Array.isArray(value) ? (value as unknown[])[0] : undefined;
  const name = (first as JsonObject | null | undefined)?.["mode"];
  const mode = names.modeList.find((item) => (item as JsonObject | null)?.["name"] === name) as JsonObject | undefined;
  const admits = mode?.["admits"] as JsonObject | undefined;
  if (typeof admits !== "object" || admits === null) return;
  const isOpenToMembers = ["view", LOGIN_CAPABILITY].every((capability) => {
    const admission = admits[capability];
    return (
      !names.capabilities.has(capability) ||
      admission === "all" ||
      (Array.isArray(admission) && admission.includes("member"))
    );
  });
  if (isOpenToMembers) return;
  const message = `an unpaid invoice leads to ${shown(name)} with no stage before it`;
  const fix = "Put a milder stage first, such as limited.";
  findings.error({ code: "no_milder_stage", place: `${place}[0].mode`, message, fix });
}

function lintReminders(findings: Findings, value: unknown, place: string, names: SchedulingNames): void {
  if (value === undefined) return;
  for (const [index, item] of (asArray(findings, value, place, MAX_STAGES) ?? []).entries()) {
    const at = placeOf(place, index);
    const reminder = asObject(findings, item, at);
    if (reminder === undefined) continue;
    warnUnknownFields(findings, reminder, at, ["name", "notice", "after"]);
    const name = member(findings, reminder, "name", at);
    if (name !== undefined) isWellNamed(findings, name, `${at}.name`);
    lintNamed(findings, member(findings, reminder, "notice", at), `${at}.notice`, "notice", names.notices);
    offsetOf(findings, { object: reminder, place: at }, "after");
  }
}

function lintTasks(findings: Findings, value: unknown, place: string): void {
  if (value === undefined) return;
  for (const [index, item] of (asArray(findings, value, place, MAX_STAGES) ?? []).entries()) {
    const at = placeOf(place, index);
    const task = asObject(findings, item, at);
    if (task === undefined) continue;
    warnUnknownFields(findings, task, at, ["name", "after", "within"]);
    const name = member(findings, task, "name", at);
    if (name !== undefined) isWellNamed(findings, name, `${at}.name`);
    offsetOf(findings, { object: task, place: at }, "after");
    durationOf(findings, { object: task, place: at }, "within");
  }
}

function lintUnique(findings: Findings, seen: Set<string>, name: unknown, place: string): void {
  if (typeof name !== "string") return;
  if (seen.has(name)) {
    const message = `${shown(name)} is defined twice`;
    findings.error({ code: "duplicate_name", place, message, fix: "Remove one, or rename it." });
  }
  seen.add(name);
}
