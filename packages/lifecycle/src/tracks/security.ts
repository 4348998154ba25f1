import type { Lock, SecurityDocument } from "@dimmer/core";
import type { CaseContext, FactOf } from "../case-context.ts";
import { refusal } from "../facts/sound-facts.ts";
import { holdsOf } from "../ladder/holds.ts";
import { durationMsOf } from "../parsed.ts";
import type { TrackPlan } from "./track-plan.ts";

/** Plans an incident: a lock at once, a review within a day, and a way back that says what was wrong. */
export function planSecurity(context: CaseContext, track: SecurityDocument): TrackPlan {
  let locked: FactOf<"locked"> | undefined;
  let unlocked: FactOf<"unlocked"> | undefined;
  let isReviewed = false;
  for (const fact of context.facts) {
    if (fact.kind === "locked") {
      if (isBlank(fact.clause) || isBlank(fact.incident)) {
        const message = "a lock needs the clause that is its ground and the incident that it belongs to";
        context.quarantined.push(refusal(fact.id, "ground_missing", message));
      } else if (locked === undefined) {
        locked = fact;
        unlocked = undefined;
        isReviewed = false;
      }
    } else if (fact.kind === "lock_reviewed") {
      isReviewed = true;
    } else if (fact.kind === "unlocked" && locked !== undefined) {
      if (isBlank(fact.rootCause) || isBlank(fact.prevention)) {
        const message = "a lock is lifted with its root cause and the plan that prevents the next one";
        context.quarantined.push(refusal(fact.id, "ground_missing", message));
      } else {
        unlocked = fact;
        locked = undefined;
      }
    }
  }
  const { agenda } = context;
  const holds = holdsOf(context, []);
  const rest = { steps: [], restriction: undefined, obligations: [], anchor: undefined, holds, openInvoices: [] };
  if (locked === undefined) {
    if (unlocked !== undefined) agenda.ask({ key: `unlock/${unlocked.id}`, dueMs: unlocked.atMs, kind: "unlock" });
    return { ...rest, isCleared: unlocked !== undefined, isDue: unlocked !== undefined };
  }
  const allow = locked.allow ?? track.allow;
  const lock: Lock = {
    tenant: context.case.tenant.id,
    cause: "security",
    case: context.case.case,
    sinceMs: locked.atMs,
    allow,
  };
  agenda.ask({ key: `lock/${locked.id}`, dueMs: locked.atMs, kind: "lock", lock });
  const latestMs = locked.atMs + durationMsOf(track.review_within);
  if (!isReviewed) {
    agenda.ask({ key: `review/${locked.id}`, dueMs: locked.atMs, kind: "review_lock", latestMs });
    agenda.wakeAt(latestMs);
  }
  return { ...rest, lock, isCleared: false, isDue: true };
}

function isBlank(text: unknown): boolean {
  return typeof text !== "string" || text.trim() === "";
}
