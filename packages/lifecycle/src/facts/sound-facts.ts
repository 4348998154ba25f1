import type { FaultCode, QuarantinedFact } from "../plan.ts";
import type { Fact } from "./fact.ts";

/** Facts that may be followed, oldest first, and those that may not. */
export interface SoundFacts {
  readonly facts: readonly Fact[];
  readonly quarantined: QuarantinedFact[];
}

/** A clock of another machine may run ahead by so much without being doubted. */
const TOLERATED_AHEAD_MS = 60_000;

/**
 * Puts facts in the order in which they became true and drops repeats, so that order and number of their arrival mean
 * nothing. What has no sane instant, or says two things under one id, is quarantined. Linear but for the sorting.
 */
export function soundFacts(given: readonly Fact[], nowMs: number): SoundFacts {
  const quarantined: QuarantinedFact[] = [];
  // NaN compares with nothing and would leave the rest in the order of arrival.
  const sorted = given.toSorted(
    (a, b) => (a.atMs || 0) - (b.atMs || 0) || compareText(a.id, b.id) || compareText(canonical(a), canonical(b)),
  );
  const seen = new Map<string, Fact>();
  const facts: Fact[] = [];
  for (const fact of sorted) {
    const known = seen.get(fact.id);
    if (known !== undefined) {
      if (canonical(known) !== canonical(fact)) {
        const message = `two facts have the id ${fact.id} and say different things; the earlier one counts`;
        quarantined.push(doubt(fact.id, "conflicting_duplicate", message));
      }
      continue;
    }
    seen.set(fact.id, fact);
    if (!Number.isSafeInteger(fact.atMs) || fact.atMs < 0) {
      const message = `its instant is ${String(fact.atMs)}, not a number of milliseconds since 1970`;
      quarantined.push(doubt(fact.id, "bad_instant", message));
    } else if (fact.atMs > nowMs + TOLERATED_AHEAD_MS) {
      const message = "it lies in the future: a clock is wrong, here or there";
      quarantined.push(doubt(fact.id, "from_the_future", message));
    } else {
      facts.push(fact);
    }
  }
  return { facts, quarantined };
}

/** A fact that is not followed, and holds the clock: the tenant may be in the right. */
export function doubt(fact: string, code: FaultCode, message: string): QuarantinedFact {
  return { fact, code, message, holdsClock: true };
}

/** A fact that is refused: not following it harms nobody. */
export function refusal(fact: string, code: FaultCode, message: string): QuarantinedFact {
  return { fact, code, message, holdsClock: false };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The content of a fact, whatever the order of its members. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => compareText(a, b)));
  });
}
