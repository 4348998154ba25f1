import { DimmerError, type PolicyDocument } from "@dimmer/core";
import type { Calendars } from "./calendar/calendars-of.ts";
import { isoDateOf } from "./calendar/epoch-day.ts";
import { isZoneName, zoneDaysOf } from "./calendar/zone-days.ts";
import { Agenda, type CaseContext } from "./case-context.ts";
import type { CaseFacts, Track } from "./facts/fact.ts";
import { soundFacts } from "./facts/sound-facts.ts";
import { isHeldAt } from "./ladder/holds.ts";
import { NoticeLog } from "./ladder/notice-log.ts";
import type { CasePlan } from "./plan.ts";
import { planBreach } from "./tracks/breach.ts";
import { planNonpayment } from "./tracks/nonpayment.ts";
import { planOffboarding } from "./tracks/offboarding.ts";
import { planSecurity } from "./tracks/security.ts";
import type { TrackPlan } from "./tracks/track-plan.ts";

/**
 * Works out what follows from the facts of one case at one moment: its dated steps with their reasons, what the
 * entitlement says, what is due, and when to look again. Pure: the same arguments give the same plan, in any order of
 * the facts (L4). It stores and sends nothing. Linear in the facts but for sorting them; tens of microseconds for a case.
 *
 * @param given the facts of one case; every fact that is not sound is named in `quarantined`
 * @param policy the one that the case is pinned to; it lints without an error and has the case's track
 * @param calendars those of the same policy, by `calendarsOf`
 * @param nowMs Unix milliseconds
 * @throws {DimmerError} `calendar_unavailable` where a date lies outside the data; `policy_invalid` where the policy has no such track
 * @throws {TypeError} where the tenant's zone is none, `nowMs` is no number, or calendars of another policy are passed
 */
export function planCase(given: CaseFacts, policy: PolicyDocument, calendars: Calendars, nowMs: number): CasePlan {
  if (!Number.isSafeInteger(nowMs)) throw new TypeError(`nowMs: ${String(nowMs)} is no number of milliseconds`);
  const { zone = policy.zone, id } = given.tenant;
  if (!isZoneName(zone))
    throw new TypeError(`tenant.zone: ${JSON.stringify(zone)} is no IANA zone; write one such as "Asia/Tokyo"`);
  const { facts, quarantined } = soundFacts(given.facts, nowMs);
  const used = new Map();
  const agenda = new Agenda(nowMs, facts);
  const days = zoneDaysOf(policy.zone);
  const tenantDays = zoneDaysOf(zone);
  const byKind = Map.groupBy(facts, ({ kind }) => kind);
  const log = new NoticeLog(byKind);
  const context: CaseContext = {
    log,
    byKind,
    case: given,
    facts,
    policy,
    calendars,
    used,
    days,
    tenantDays,
    nowMs,
    agenda,
    quarantined,
  };
  for (const { atMs } of facts) agenda.wakeAt(atMs);
  const plan = planTrack(context, given.track);
  const { anchor, restriction, deletion, lock } = plan;
  const { nextWakeMs } = agenda;
  return {
    case: given.case,
    tenant: id,
    track: given.track,
    state: stateOf(context, plan),
    basis: {
      policy: `${policy.name}@${policy.version}`,
      calendars: Object.fromEntries([...context.used].map(([name, { version }]) => [name, version])),
    },
    ...(anchor?.day === undefined
      ? {}
      : {
          anchor: { round: plan.rounds?.at(nowMs) ?? "", date: isoDateOf(anchor.day), subject: anchor.subject ?? "" },
        }),
    openInvoices: plan.openInvoices,
    steps: plan.steps,
    ...(restriction === undefined ? {} : { restriction }),
    ...(lock === undefined ? {} : { lock }),
    ...(deletion === undefined ? {} : { deletion }),
    obligations: plan.obligations,
    due: agenda.due,
    ...(nextWakeMs === undefined ? {} : { nextWakeMs }),
    holds: plan.holds.filter(({ fromMs, untilMs }) => untilMs === undefined || untilMs > Math.max(nowMs, fromMs)),
    quarantined,
  };
}

function planTrack(context: CaseContext, track: Track): TrackPlan {
  const tracks = context.policy.tracks ?? {};
  switch (track) {
    case "nonpayment":
      if (tracks.nonpayment !== undefined) return planNonpayment(context, tracks.nonpayment);
      break;
    case "breach":
      if (tracks.breach !== undefined) return planBreach(context, tracks.breach);
      break;
    case "security":
      if (tracks.security !== undefined) return planSecurity(context, tracks.security);
      break;
    case "offboarding":
      if (tracks.offboarding !== undefined) return planOffboarding(context, tracks.offboarding);
      break;
  }
  throw new DimmerError(
    "policy_invalid",
    `tracks: the policy ${context.policy.name} has no track ${track}; add it, or open no such case`,
  );
}

function stateOf({ facts, nowMs }: CaseContext, plan: TrackPlan): CasePlan["state"] {
  if (facts.some(({ kind }) => kind === "deleted")) return "closed";
  if (plan.isCleared) return "cleared";
  if (!plan.isDue) return "idle";
  return plan.holds.some((hold) => hold.holds === "clock" && isHeldAt(hold, nowMs)) ? "held" : "open";
}
