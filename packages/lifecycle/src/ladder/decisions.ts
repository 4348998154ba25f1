import { type DecisionRule, parseDecisionMode } from "@dimmer/core";
import { type CaseContext, factsOf } from "../case-context.ts";
import { durationMsOf } from "../parsed.ts";
import type { StepDecision } from "../plan.ts";

/** What a decision is about, and since when it can be made. */
export interface DecisionAsk {
  readonly stage: string;
  readonly round: string;
  /** As the policy writes it. */
  readonly mode: string;
  /** When its notice went out; `undefined` before. */
  readonly openMs: number | undefined;
  readonly decideWithin: string;
}

/** A decision, and when it was made. */
export interface Decided {
  readonly shown: StepDecision;
  /** When it was or will be made, if nobody objects; `undefined` where a person is waited for. */
  readonly madeMs: number | undefined;
}

/** Says where a decision stands at an instant. */
export function decideStep(context: CaseContext, ask: DecisionAsk, atMs: number): Decided {
  const rule: DecisionRule = parseDecisionMode(ask.mode) ?? { kind: "manual", approvers: 2 };
  const approvals = approvalsOf(context, ask, atMs);
  const approvedBy = [...approvals.keys()];
  const approversNeeded = rule.kind === "manual" ? rule.approvers : 0;
  const shown = { mode: ask.mode, approvedBy, approversNeeded };
  if (isVetoed(context, ask, atMs)) return { shown: { ...shown, state: "vetoed" }, madeMs: undefined };
  if (ask.openMs === undefined) return { shown: { ...shown, state: "not_due" }, madeMs: undefined };
  if (rule.kind === "auto") return { shown: { ...shown, state: "made" }, madeMs: ask.openMs };
  if (rule.kind === "auto_unless_vetoed") {
    const untilMs = ask.openMs + rule.windowMs;
    return { shown: { ...shown, state: untilMs <= atMs ? "made" : "open", untilMs }, madeMs: untilMs };
  }
  const madeMs = [...approvals.values()].toSorted((a, b) => a - b)[rule.approvers - 1];
  if (madeMs !== undefined) return { shown: { ...shown, state: "made" }, madeMs };
  const untilMs = ask.openMs + durationMsOf(ask.decideWithin);
  return { shown: { ...shown, state: "open", untilMs }, madeMs: undefined };
}

/** Asks for a decision while it is open, and alerts once it takes too long. */
export function askDecision(context: CaseContext, ask: DecisionAsk, { shown, madeMs }: Decided): void {
  if (shown.state !== "open") return;
  const { stage, round, mode, openMs = context.nowMs } = ask;
  const key = `${stage}/${round}`;
  context.agenda.ask({ key: `decide/${key}`, dueMs: openMs, kind: "ask_decision", stage, round, mode });
  if (shown.untilMs === undefined) return;
  if (madeMs === undefined) {
    context.agenda.ask({ key: `alert/${key}`, dueMs: shown.untilMs, kind: "alert_decision", stage, round });
  } else {
    context.agenda.wakeAt(shown.untilMs);
  }
}

/** The first approval of each person: one who approves twice is one. */
function approvalsOf(context: CaseContext, { stage, round }: DecisionAsk, atMs: number): Map<string, number> {
  const approvals = new Map<string, number>();
  for (const fact of factsOf(context, "approved")) {
    if (fact.stage !== stage || fact.round !== round || fact.atMs > atMs || approvals.has(fact.by)) continue;
    approvals.set(fact.by, fact.atMs);
  }
  return approvals;
}

/** Whether the last word on a step, in whatever round, is a veto: it stands until it is lifted. */
function isVetoed(context: CaseContext, { stage }: DecisionAsk, atMs: number): boolean {
  if (!context.byKind.has("vetoed")) return false;
  let vetoed = false;
  for (const fact of context.facts) {
    if (fact.atMs > atMs) break;
    if (fact.kind === "vetoed" && fact.stage === stage) vetoed = true;
    if (fact.kind === "veto_lifted" && fact.stage === stage) vetoed = false;
  }
  return vetoed;
}
