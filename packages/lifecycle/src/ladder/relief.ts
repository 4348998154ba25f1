import type { Restriction } from "@dimmer/core";
import { epochDayOf } from "../calendar/epoch-day.ts";
import { zoneDaysOf } from "../calendar/zone-days.ts";
import { type CaseContext, calendarNamed, type FactOf, factsOf } from "../case-context.ts";
import { dueFault, isCurrency, type Money } from "../facts/money.ts";
import { doubt, refusal } from "../facts/sound-facts.ts";
import { durationMsOf, offsetOf } from "../parsed.ts";
import type { Hold } from "../plan.ts";
import { HeldClock } from "./clock.ts";
import { deadlineOf } from "./deadline.ts";
import { hold } from "./holds.ts";
import { askOnce } from "./side-notices.ts";

const DAY_MS = 86_400_000;

/** What instalment plans and exceptions come to. */
export interface Relief {
  readonly holds: readonly Hold[];
  readonly exception: Restriction["exception"] | undefined;
}

/** Follows instalment plans and exceptions. Those that the policy does not allow are refused. */
export function followRelief(context: CaseContext, money: Money): Relief {
  const holds: Hold[] = [];
  const brokenMs = new Map<string, number>();
  const ended = new Map(factsOf(context, "plan_ended").map((fact) => [fact.plan, fact.atMs]));
  for (const fact of factsOf(context, "plan_agreed")) {
    const fault = planFault(fact);
    if (fault !== undefined) {
      context.quarantined.push(doubt(fact.id, fault.code, fault.message));
      continue;
    }
    const { missedMs, keptMs } = followPlan(context, fact, money);
    if (missedMs !== undefined) brokenMs.set(fact.plan, missedMs);
    const untilMs = Math.min(missedMs ?? keptMs, ended.get(fact.plan) ?? Number.POSITIVE_INFINITY);
    holds.push(hold("instalment_plan", fact.plan, fact.atMs, Number.isFinite(untilMs) ? untilMs : undefined));
  }
  const exception = followExceptions(context, brokenMs, holds);
  return { holds, exception };
}

function planFault({
  instalments,
  currency,
}: FactOf<"plan_agreed">):
  | ReturnType<typeof dueFault>
  | { readonly code: "bad_amount" | "unknown_currency"; readonly message: string } {
  if (!isCurrency(currency)) return { code: "unknown_currency", message: `${JSON.stringify(currency)} is no currency` };
  for (const { due, amount } of instalments) {
    const fault = dueFault(due);
    if (fault !== undefined) return fault;
    if (!Number.isSafeInteger(amount) || amount <= 0)
      return { code: "bad_amount", message: `${String(amount)} is no amount` };
  }
  return undefined;
}

/** When an instalment was missed, and when the last one is over; each counts to the end of its day where it is due. */
function followPlan(
  context: CaseContext,
  fact: FactOf<"plan_agreed">,
  money: Money,
): { readonly missedMs: number | undefined; readonly keptMs: number } {
  const ends = fact.instalments
    .map(({ due, amount }) => ({ endMs: zoneDaysOf(due.zone).startOf(epochDayOf(due.date) + 1), amount }))
    .toSorted((a, b) => a.endMs - b.endMs);
  let owed = 0;
  for (const { endMs, amount } of ends) {
    owed += amount;
    if (endMs > context.nowMs) {
      context.agenda.wakeAt(endMs);
      return { missedMs: undefined, keptMs: Number.POSITIVE_INFINITY };
    }
    let paid = 0;
    for (const flow of money.flows) {
      if (flow.currency === fact.currency && flow.atMs >= fact.atMs && flow.atMs < endMs) paid += flow.amount;
    }
    if (paid < owed) return { missedMs: endMs, keptMs: endMs };
  }
  return { missedMs: undefined, keptMs: ends.at(-1)?.endMs ?? fact.atMs };
}

function followExceptions(
  context: CaseContext,
  brokenMs: ReadonlyMap<string, number>,
  holds: Hold[],
): Restriction["exception"] | undefined {
  const ended = new Map(factsOf(context, "exception_ended").map((fact) => [fact.exception, fact.atMs]));
  const granted = new Map<string, number>();
  const spans: { fromMs: number; untilMs: number }[] = [];
  for (const fact of factsOf(context, "exception_granted")) {
    const renewals = fact.renews === undefined ? 0 : (granted.get(fact.renews) ?? Number.POSITIVE_INFINITY) + 1;
    const fault = exceptionFault(context, fact, renewals);
    if (fault !== undefined) {
      context.quarantined.push(refusal(fact.id, ...fault));
      continue;
    }
    granted.set(fact.exception, renewals);
    const broken = fact.plan === undefined ? undefined : brokenMs.get(fact.plan);
    const endMs = ended.get(fact.exception);
    const earliestMs = Math.min(broken ?? Number.POSITIVE_INFINITY, endMs ?? Number.POSITIVE_INFINITY);
    const untilMs = earliestMs < fact.untilMs ? endAnnounced(context, fact, earliestMs) : fact.untilMs;
    // The clock stands still from the grant on: what is known to come must not be overtaken by a step signed before.
    holds.push(hold("exception", fact.exception, fact.atMs, untilMs));
    context.agenda.wakeAt(fact.fromMs);
    if (untilMs > fact.fromMs) spans.push({ fromMs: fact.fromMs, untilMs });
  }
  const floor = context.policy.exceptions?.floor ?? "";
  const inForce = joined(spans).find(({ untilMs }) => untilMs > context.nowMs);
  return inForce === undefined ? undefined : { floor, ...inForce };
}

/** Spans that meet are one: a renewal leaves no instant between. */
function joined(
  spans: readonly { readonly fromMs: number; readonly untilMs: number }[],
): { fromMs: number; untilMs: number }[] {
  const whole: { fromMs: number; untilMs: number }[] = [];
  for (const { fromMs, untilMs } of spans.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = whole.at(-1);
    if (last !== undefined && fromMs <= last.untilMs) last.untilMs = Math.max(last.untilMs, untilMs);
    else whole.push({ fromMs, untilMs });
  }
  return whole;
}

/** An exception that ends before its time narrows: it is announced, and ends its lead after that, never later than its date. */
function endAnnounced(context: CaseContext, fact: FactOf<"exception_granted">, earliestMs: number): number {
  const { policy, days, nowMs } = context;
  const track = policy.tracks?.nonpayment;
  if (track === undefined || policy.exceptions === undefined) return fact.untilMs;
  const leadMs = Math.max(...track.stages.map((stage) => durationMsOf(stage.min_lead)));
  const calendar = calendarNamed(context, track.calendar);
  const clock = new HeldClock(days, []);
  const log = context.log;
  const stage = "exception_end";
  const round = `${fact.exception}@${earliestMs}`;
  const accepted = log.accepted(stage, round, nowMs);
  const countsMs = accepted?.atMs ?? Math.max(earliestMs, nowMs);
  const lead = clock.openingFrom(countsMs + leadMs, calendar)?.atMs ?? fact.untilMs;
  const endMs = Math.min(fact.untilMs, Math.max(lead, accepted?.notice.fact.stepAtMs ?? 0));
  if (accepted !== undefined) return endMs;
  const printed = { stepAtMs: endMs, deadline: deadlineOf(endMs, context.tenantDays) };
  askOnce(context, log, { stage, round, template: policy.exceptions.notice, dueMs: earliestMs, ...printed });
  return fact.untilMs;
}

function exceptionFault(
  context: CaseContext,
  fact: FactOf<"exception_granted">,
  renewals: number,
): ["not_eligible" | "bad_exception" | "same_person", string] | undefined {
  const { exceptions } = context.policy;
  const { criticality } = context.case.tenant;
  if (exceptions === undefined) return ["not_eligible", "the policy grants no exceptions"];
  if (criticality === undefined || !exceptions.criticality.includes(criticality)) {
    return [
      "not_eligible",
      `a tenant that is ${criticality ?? "not critical"} is not eligible: ${exceptions.criticality.join(", ")} are`,
    ];
  }
  if (!exceptions.conditions.includes(fact.condition)) {
    return ["bad_exception", `${fact.condition} is no condition; it needs one of ${exceptions.conditions.join(", ")}`];
  }
  if (fact.evidence === "") return ["bad_exception", "it has no evidence"];
  if (fact.requestedBy === fact.approvedBy) return ["same_person", "who asks for it may not approve it"];
  const maxMs = offsetOf(exceptions.max).n * DAY_MS;
  if (!(fact.untilMs > fact.fromMs) || fact.untilMs - fact.fromMs > maxMs) {
    return ["bad_exception", `it must end after it begins, and within ${exceptions.max}`];
  }
  if (renewals > exceptions.max_renewals) {
    return [
      "bad_exception",
      `it renews more often than ${exceptions.max_renewals} times, or renews what was never granted`,
    ];
  }
  return undefined;
}
