import { type CaseContext, factsOf } from "../case-context.ts";
import type { Fact } from "../facts/fact.ts";
import type { UnmatchedSpan } from "../facts/money.ts";
import type { Hold, HoldKind } from "../plan.ts";

type Paired = readonly [kind: HoldKind, begins: Fact["kind"], ends: Fact["kind"], holds: Hold["holds"]];

const PAIRS: readonly Paired[] = [
  ["dispute", "dispute_opened", "dispute_closed", "clock"],
  ["provider_fault", "provider_fault_began", "provider_fault_ended", "clock"],
  ["unmatched_money", "money_unmatched", "money_matched", "clock"],
  ["pause", "paused", "resumed", "clock"],
  ["legal_hold", "legal_hold_placed", "legal_hold_released", "deletion"],
  ["lock", "locked", "unlocked", "deletion"],
];

/** What holds the clock by facts alone: disputes, faults, pauses, unmatched money, facts in doubt, legal holds, locks. */
export function holdsOf(context: CaseContext, unmatched: readonly UnmatchedSpan[]): Hold[] {
  const holds: Hold[] = [];
  for (const pair of PAIRS) if (context.byKind.has(pair[1])) addPaired(context, pair, holds);
  for (const { payment, fromMs, untilMs } of unmatched) {
    holds.push(hold("unmatched_money", payment, fromMs, untilMs));
  }
  if (context.quarantined.length === 0) return holds;
  const resolved = new Map(factsOf(context, "doubt_resolved").map((fact) => [fact.fact, fact.atMs]));
  const since = new Map(context.facts.map((fact) => [fact.id, fact.atMs]));
  for (const { fact, holdsClock } of context.quarantined) {
    const fromMs = since.get(fact) ?? context.nowMs;
    if (holdsClock) holds.push(hold("doubt", fact, fromMs, resolved.get(fact)));
  }
  return holds;
}

/** A hold on the clock; one that ends before it begins is none and is left to the caller to drop. */
export function hold(kind: HoldKind, subject: string, fromMs: number, untilMs?: number): Hold {
  return {
    kind,
    subject,
    fromMs,
    ...(untilMs === undefined ? {} : { untilMs: Math.max(fromMs, untilMs) }),
    holds: "clock",
  };
}

function addPaired(context: CaseContext, [kind, begins, ends, holds]: Paired, found: Hold[]): void {
  const open = new Map<string, { readonly fromMs: number; readonly untilMs: number }>();
  for (const fact of context.facts) {
    if (fact.kind === begins) {
      const subject = subjectOf(fact);
      if (open.has(subject)) continue;
      open.set(subject, {
        fromMs: fact.atMs,
        untilMs: fact.kind === "paused" ? fact.untilMs : Number.POSITIVE_INFINITY,
      });
    } else if (fact.kind === ends) {
      const subject = fact.kind === "unlocked" ? undefined : subjectOf(fact);
      for (const [key, { fromMs, untilMs }] of open) {
        if (subject !== undefined && key !== subject) continue;
        open.delete(key);
        found.push({ kind, subject: key, fromMs, untilMs: Math.min(untilMs, fact.atMs), holds });
      }
    }
  }
  for (const [subject, { fromMs, untilMs }] of open) {
    found.push({ kind, subject, fromMs, ...(Number.isFinite(untilMs) ? { untilMs } : {}), holds });
  }
}

function subjectOf(fact: Fact): string {
  if ("subject" in fact) return fact.subject;
  return fact.kind === "locked" ? fact.incident : "";
}

/** Whether a hold is in force at an instant. */
export function isHeldAt(hold: Hold, atMs: number): boolean {
  return hold.fromMs <= atMs && atMs < (hold.untilMs ?? Number.POSITIVE_INFINITY);
}
