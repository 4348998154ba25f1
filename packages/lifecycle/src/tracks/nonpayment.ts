import type { NonpaymentDocument } from "@dimmer/core";
import { type CaseContext, factsOf } from "../case-context.ts";
import { followMoney, type Money } from "../facts/money.ts";
import { holdsOf } from "../ladder/holds.ts";
import { planLadder } from "../ladder/plan-ladder.ts";
import { followRelief } from "../ladder/relief.ts";
import { askOnce } from "../ladder/side-notices.ts";
import { durationMsOf } from "../parsed.ts";
import type { TrackPlan } from "./track-plan.ts";

/** Plans the case of unpaid invoices. */
export function planNonpayment(context: CaseContext, track: NonpaymentDocument): TrackPlan {
  const money = followMoney(context.facts, track, context.days, context.quarantined);
  const relief = followRelief(context, money);
  const holds = [...holdsOf(context, money.unmatched), ...relief.holds];
  const { anchors } = money;
  const ladder = planLadder({ context, track, cause: "nonpayment", anchors, holds, exception: relief.exception });
  react(context, track, money);
  const anchor = ladder.rounds.anchorAt(context.nowMs);
  const isDue = anchor?.day !== undefined && context.days.startOf(anchor.day) <= context.nowMs;
  if (anchor?.day !== undefined) context.agenda.wakeAt(context.days.startOf(anchor.day));
  return { ...ladder, anchor, holds, openInvoices: money.open, isDue: isDue || ladder.restriction !== undefined };
}

/** Asks for the notices that follow single facts: a failed payment, an expiring card. */
function react(context: CaseContext, track: NonpaymentDocument, money: Money): void {
  const log = context.log;
  for (const { on, notice, within } of track.reactions ?? []) {
    for (const fact of factsOf(context, on)) {
      if (fact.kind === "payment_failed" && money.settled.has(fact.invoice)) continue;
      const latestMs = fact.atMs + durationMsOf(within);
      askOnce(context, log, { stage: on, round: fact.id, template: notice, dueMs: fact.atMs, latestMs });
    }
  }
}
