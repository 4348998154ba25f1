import type { StageDocument } from "@dimmer/core";
import type { CaseContext, FactOf } from "../case-context.ts";
import type { PlannedStep } from "../plan.ts";
import { deadlineOf } from "./deadline.ts";
import type { NoticeLog } from "./notice-log.ts";

/** A step that has taken effect, as the plan shows it. */
export function shownEffective(
  { days, tenantDays }: CaseContext,
  stage: StageDocument,
  { round, stepAtMs, mode, deny }: FactOf<"step_signed">,
  log: NoticeLog,
): PlannedStep {
  const accepted = log.accepted(stage.name, round, stepAtMs);
  return {
    stage: stage.name,
    round,
    state: "effective",
    atMs: stepAtMs,
    at: days.iso(stepAtMs),
    mode,
    ...(deny === undefined ? {} : { deny }),
    notice: {
      template: stage.notice,
      deadline: deadlineOf(stepAtMs, tenantDays),
      ...(accepted === undefined ? {} : { byMs: accepted.notice.fact.atMs, acceptedMs: accepted.atMs }),
    },
    decision: { mode: stage.decision, state: "made", approvedBy: [], approversNeeded: 0 },
    reasons: [],
  };
}
