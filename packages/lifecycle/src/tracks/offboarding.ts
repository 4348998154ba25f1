import type { LadderDocument } from "@dimmer/core";
import { type CaseContext, factsOf } from "../case-context.ts";
import { type AnchorSpan, dueFault, lastDayOf } from "../facts/money.ts";
import { doubt } from "../facts/sound-facts.ts";
import { holdsOf } from "../ladder/holds.ts";
import { planLadder } from "../ladder/plan-ladder.ts";
import type { TrackPlan } from "./track-plan.ts";

/** Plans the case of a tenant that leaves: from the day it asked for, until it changes its mind. */
export function planOffboarding(context: CaseContext, track: LadderDocument): TrackPlan {
  const anchors: AnchorSpan[] = [];
  for (const fact of context.facts) {
    if (fact.kind === "leave_withdrawn" && anchors.at(-1)?.day !== undefined) anchors.push({ fromMs: fact.atMs });
    if (fact.kind !== "leave_requested") continue;
    const fault = dueFault(fact.from);
    if (fault === undefined) {
      anchors.push({ fromMs: fact.atMs, subject: fact.id, day: lastDayOf(fact.from, context.days) });
    } else {
      context.quarantined.push(doubt(fact.id, fault.code, fault.message));
    }
  }
  const holds = holdsOf(context, []);
  const ladder = planLadder({ context, track, cause: "offboarding", anchors, holds, exception: undefined });
  const anchor = ladder.rounds.anchorAt(context.nowMs);
  const isDue = factsOf(context, "leave_requested").length > 0;
  return { ...ladder, anchor, holds, openInvoices: [], isDue };
}
