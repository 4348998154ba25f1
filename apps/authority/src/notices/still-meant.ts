import type { CasePlan } from "@dimmer/lifecycle";
import type { NoticeTable } from "../store/schema.ts";

/** What is said also where nothing is owed any more. */
const SAID_ANYWAY: ReadonlySet<string> = new Set(["restored", "card_expiring"]);
const END_OF_EXCEPTION = "exception_end";

/**
 * Whether a notice that waited still says what is so: who has paid is asked for nothing, and a step that is no longer meant
 * is not announced. By the plan of its case; what a person sends is meant. Never throws.
 */
export function isStillMeant(
  { stage, round, step_at_ms: stepAtMs }: Pick<NoticeTable, "stage" | "round" | "step_at_ms">,
  plan: CasePlan | undefined,
): boolean {
  if (stage === null || plan === undefined || SAID_ANYWAY.has(stage)) return true;
  if (plan.state === "cleared") return false;
  if (stepAtMs === null || stage === END_OF_EXCEPTION) return true;
  if (stage.startsWith("deletion.")) return plan.deletion?.round === round;
  return plan.steps.some((step) => step.stage === stage && step.round === round);
}
