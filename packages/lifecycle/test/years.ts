import { standardPolicy } from "@dimmer/core";
import { calendarsOf, type Fact, planCase } from "@dimmer/lifecycle";

const DAY_MS = 86_400_000;
const QUARTERS = 12;
/** One invoice in so many is not paid by its due day. */
const LATE_ONE_IN = 10;
const ZONE = "Asia/Tokyo";
const START = Temporal.PlainDate.from("2026-04-01");
const calendars = calendarsOf(standardPolicy);

/** What came of a simulation: counts, and a digest of every step signed. */
export interface Years {
  readonly tenants: number;
  readonly invoices: number;
  readonly cases: number;
  readonly plans: number;
  readonly steps: number;
  readonly deleted: number;
  /** FNV-1a over tenant, stage and instant of each step signed. */
  readonly digest: string;
}

/**
 * Lives three years of tenants that are billed each quarter: nine invoices in ten are paid in time and open no case, the
 * tenth is paid up to four months late or never. Each case is lived from its due day on, every notice sent and accepted,
 * every step signed. The same number gives the same figures, in every zone of the host.
 */
export function liveYears(tenants: number): Years {
  const total = { invoices: 0, cases: 0, plans: 0, steps: 0, deleted: 0 };
  let digest = 0x811c9dc5;
  for (let tenant = 0; tenant < tenants; tenant++) {
    const random = randomOf(tenant + 1);
    for (let quarter = 0; quarter < QUARTERS; quarter++) {
      total.invoices += 1;
      const due = START.add({ months: quarter * 3, days: Math.floor(random() * 80) });
      const isLate = random() * LATE_ONE_IN < 1;
      const lateDays = Math.floor(random() * random() * 150);
      if (!isLate) continue;
      total.cases += 1;
      const life = liveCase(due, lateDays > 120 ? undefined : lateDays);
      total.plans += life.plans;
      total.deleted += life.isDeleted ? 1 : 0;
      for (const step of life.steps) {
        total.steps += 1;
        for (const character of `${tenant} ${step}`) {
          digest = Math.imul(digest ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
        }
      }
      if (life.isDeleted) break;
    }
  }
  return { tenants, ...total, digest: digest.toString(16) };
}

function liveCase(due: Temporal.PlainDate, lateDays: number | undefined) {
  const dueMs = due.toZonedDateTime(ZONE).epochMilliseconds;
  const invoice = { invoice: "i", amount: 55_000, currency: "JPY", due: { date: due.toString(), zone: ZONE } };
  const facts: Fact[] = [{ kind: "invoice", id: "i", atMs: dueMs - 30 * DAY_MS, method: "invoice", ...invoice }];
  const paidMs = lateDays === undefined ? Number.POSITIVE_INFINITY : dueMs + (lateDays + 1) * DAY_MS + 43_200_000;
  const steps: string[] = [];
  let nowMs = dueMs;
  for (let plans = 1; plans < 500; plans++) {
    if (nowMs >= paidMs && facts.at(-1)?.id !== "paid" && !facts.some(({ id }) => id === "paid")) {
      facts.push({
        kind: "payment",
        id: "paid",
        atMs: paidMs,
        payment: "p",
        invoice: "i",
        amount: 55_000,
        currency: "JPY",
      });
    }
    const given = { case: "c", track: "nonpayment", tenant: { id: "t" }, facts } as const;
    const plan = planCase(given, standardPolicy, calendars, nowMs);
    for (const [index, action] of plan.due.entries()) {
      const id = `${plans}.${index}`;
      if (action.kind === "send_notice") {
        const { stage, round, template, stepAtMs } = action;
        const printed = stepAtMs === undefined ? {} : { stepAtMs };
        facts.push({
          kind: "notice_sent",
          id,
          atMs: nowMs,
          notice: id,
          stage,
          round,
          template,
          addresses: ["m"],
          ...printed,
        });
        facts.push({ kind: "notice_accepted", id: `${id}a`, atMs: nowMs, notice: id, address: "m" });
      } else if (action.kind === "sign_step") {
        const { stage, round, stepAtMs, mode } = action;
        steps.push(`${stage} ${stepAtMs}`);
        facts.push({ kind: "step_signed", id, atMs: nowMs, stage, round, stepAtMs, mode });
      } else if (action.kind === "withdraw_step") {
        facts.push({ kind: "step_withdrawn", id, atMs: nowMs, stage: action.stage, round: action.round });
      } else if (action.kind === "delete_data") {
        return { plans, steps, isDeleted: true };
      } else {
        facts.push({ kind: "action_done", id, atMs: nowMs, action: action.key });
        if (action.kind !== "ask_decision") continue;
        const approved = { kind: "approved", atMs: nowMs, stage: action.stage, round: action.round } as const;
        facts.push({ ...approved, id: `${id}x`, by: "x" }, { ...approved, id: `${id}y`, by: "y" });
      }
    }
    if (plan.due.length > 0) continue;
    nowMs = Math.min(plan.nextWakeMs ?? Number.POSITIVE_INFINITY, nowMs < paidMs ? paidMs : Number.POSITIVE_INFINITY);
    if (!Number.isFinite(nowMs)) return { plans, steps, isDeleted: false };
  }
  throw new Error(`a case came to no end, due ${due.toString()}, late ${lateDays}`);
}

/** A small generator of numbers in [0, 1): mulberry32. */
function randomOf(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
