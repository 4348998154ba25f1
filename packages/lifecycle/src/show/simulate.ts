import type { PolicyDocument } from "@dimmer/core";
import type { Calendars } from "../calendar/calendars-of.ts";
import { epochDayOf, isoDateOf } from "../calendar/epoch-day.ts";
import { JAPAN_ANNOUNCED_UNTIL } from "../calendar/japan-holidays.ts";
import { zoneDaysOf } from "../calendar/zone-days.ts";
import type { CaseFacts, Fact, ZonedDate } from "../facts/fact.ts";
import { dueFault } from "../facts/money.ts";
import type { CasePlan, DueAction } from "../plan.ts";
import { planCase } from "../plan-case.ts";

const DAY_MS = 86_400_000;
/** More turns than any ladder that lints has actions. */
const MAX_TURNS = 2_000;

/** What to simulate: an invoice that is never paid, or a tenant that leaves. */
export interface SimulationOptions {
  /** The due date of an invoice. */
  readonly due?: ZonedDate;
  /** How the invoice is paid: by invoice unless said. */
  readonly method?: "invoice" | "card";
  /** The day of a request to leave, instead of a due date. */
  readonly leave?: ZonedDate;
  /** As in the facts of a case. */
  readonly tenant?: { readonly zone?: string; readonly criticality?: string };
}

/** One line of a dated ladder. */
export interface LadderRow {
  readonly kind: "notice" | "step" | "task" | "deletion";
  /** Stage, notice or task. */
  readonly name: string;
  readonly atMs: number;
  /** ISO 8601 in the policy's zone. */
  readonly at: string;
  readonly mode?: string;
  readonly template?: string;
  /** What a notice prints. */
  readonly deadline?: string;
  readonly decision?: string;
}

/** A dated ladder: what would happen when, were every notice accepted at once and nobody to object. */
export interface DatedLadder {
  readonly track: "nonpayment" | "offboarding";
  /** What the offsets count from, `2026-12-25`. */
  readonly anchor: string;
  readonly zone: string;
  readonly basis: CasePlan["basis"];
  readonly rows: readonly LadderRow[];
  /** Closed days other than weekends from the anchor to the last step, by calendar, with their names. */
  readonly closedDays: readonly { readonly date: string; readonly calendar: string; readonly name: string }[];
  /** Whether dates rest on holidays that are computed and not announced yet. */
  readonly isProvisional: boolean;
}

/**
 * Draws the ladder of a policy for one date, by running it: what is printed is what would happen. Costs some
 * milliseconds.
 *
 * @throws {TypeError} where neither or both of `due` and `leave` are given, or a date has no zone
 * @throws {DimmerError} as `planCase` does
 */
export function simulate(options: SimulationOptions, policy: PolicyDocument, calendars: Calendars): DatedLadder {
  const { due, leave, method = "invoice", tenant = {} } = options;
  const date = due ?? leave;
  if (date === undefined || (due !== undefined && leave !== undefined)) {
    throw new TypeError('due: give either due or leave, such as { due: { date: "2026-12-25", zone: "Asia/Tokyo" } }');
  }
  const fault = dueFault(date);
  if (fault !== undefined) throw new TypeError(`${due === undefined ? "leave" : "due"}: ${fault.message}`);
  const track = due === undefined ? "offboarding" : "nonpayment";
  const days = zoneDaysOf(policy.zone);
  const startMs = days.startOf(epochDayOf(date.date)) - DAY_MS;
  const first: Fact =
    due === undefined
      ? { kind: "leave_requested", id: "leave", atMs: startMs, from: date }
      : { kind: "invoice", id: "invoice", atMs: startMs, invoice: "invoice", amount: 1, currency: "JPY", due, method };
  const given = { case: "simulation", track, tenant: { id: "simulation", ...tenant } } as const;
  const run = runThrough({ ...given, facts: [first] }, policy, calendars, startMs);
  const rows = [...run.rows, ...stepRows(run.last)].toSorted((a, b) => a.atMs - b.atMs || order(a) - order(b));
  const lastDay = Math.max(...rows.map(({ atMs }) => days.dayOf(atMs)));
  const anchor = run.last.anchor?.date ?? date.date;
  return {
    track,
    anchor,
    zone: policy.zone,
    basis: run.last.basis,
    rows: rows.map((row) => ({ ...row, at: days.iso(row.atMs) })),
    closedDays: closedDaysOf(run.last, calendars, epochDayOf(anchor), lastDay),
    isProvisional: isoDateOf(lastDay) > `${JAPAN_ANNOUNCED_UNTIL}-12-31`,
  };
}

type Undated = Omit<LadderRow, "at">;

/** Lives a case as the authority would, without an obstacle, until nothing more comes. */
function runThrough(
  given: CaseFacts,
  policy: PolicyDocument,
  calendars: Calendars,
  startMs: number,
): { readonly rows: readonly Undated[]; readonly last: CasePlan } {
  const facts = [...given.facts];
  const rows: Undated[] = [];
  let nowMs = startMs;
  for (let turn = 0; turn < MAX_TURNS; turn++) {
    const plan = planCase({ ...given, facts }, policy, calendars, nowMs);
    if (plan.due.length === 0) {
      if (plan.nextWakeMs === undefined) return { rows, last: plan };
      nowMs = plan.nextWakeMs;
      continue;
    }
    for (const [index, action] of plan.due.entries()) {
      facts.push(...answersTo(action, `${turn}.${index}`, nowMs));
      const row = rowOf(action, nowMs);
      if (row !== undefined) rows.push(row);
    }
  }
  throw new Error("the ladder of this policy comes to no end");
}

function answersTo(action: DueAction, id: string, atMs: number): Fact[] {
  switch (action.kind) {
    case "send_notice": {
      const { stage, round, template, stepAtMs } = action;
      const printed = stepAtMs === undefined ? {} : { stepAtMs };
      return [
        { kind: "notice_sent", id, atMs, notice: id, stage, round, template, addresses: ["mail"], ...printed },
        { kind: "notice_accepted", id: `${id}.accepted`, atMs, notice: id, address: "mail" },
      ];
    }
    case "sign_step": {
      const { stage, round, stepAtMs, mode } = action;
      return [{ kind: "step_signed", id, atMs, stage, round, stepAtMs, mode }];
    }
    case "ask_decision": {
      const { stage, round } = action;
      const asked: Fact = { kind: "action_done", id, atMs, action: action.key };
      return [
        asked,
        ...["first", "second"].map((by): Fact => ({ kind: "approved", id: `${id}.${by}`, atMs, stage, round, by })),
      ];
    }
    case "delete_data":
      return [{ kind: "deleted", id, atMs }];
    default:
      return [{ kind: "action_done", id, atMs, action: action.key }];
  }
}

function rowOf(action: DueAction, nowMs: number): Undated | undefined {
  switch (action.kind) {
    case "send_notice": {
      const { stage, template, deadline } = action;
      return { kind: "notice", name: stage, atMs: nowMs, template, ...(deadline === undefined ? {} : { deadline }) };
    }
    case "start_task":
      return { kind: "task", name: action.task, atMs: nowMs };
    case "delete_data":
      return { kind: "deletion", name: "deletion", atMs: nowMs, mode: "closed" };
    default:
      return undefined;
  }
}

function stepRows({ steps }: CasePlan): Undated[] {
  return steps.flatMap(({ stage, atMs, mode, decision }) =>
    atMs === undefined ? [] : [{ kind: "step", name: stage, atMs, mode, decision: decision.mode } as const],
  );
}

/** Steps stand before the notices of the same instant. */
function order({ kind }: Undated): number {
  return kind === "step" ? 0 : 1;
}

function closedDaysOf(
  { basis }: CasePlan,
  calendars: Calendars,
  firstDay: number,
  lastDay: number,
): DatedLadder["closedDays"] {
  const closed: { date: string; calendar: string; name: string }[] = [];
  for (const calendar of Object.keys(basis.calendars)) {
    for (let day = firstDay; day <= lastDay; day++) {
      const name = calendars.get(calendar)?.nameOf(day);
      if (name !== undefined) closed.push({ date: isoDateOf(day), calendar, name });
    }
  }
  return closed;
}
