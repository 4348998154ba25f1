import type { Outcome, Scenario } from "./scenario.ts";

/** What a scenario prints: one line of JSON. */
export interface FaultLine {
  readonly scenario: string;
  /** Ids of the invariants that held; empty where it was not run. */
  readonly held: readonly string[];
  /** `null`: not run on this machine. */
  readonly ok: boolean | null;
  readonly recoveryMs?: number;
  readonly figure?: number;
  readonly unit?: string;
  readonly runs: number;
  readonly seed: number;
  readonly detail: string;
}

/** An invariant that did not hold, and how that was seen. */
export interface Violation {
  readonly invariant: string;
  readonly what: string;
}

/** The line of a scenario that was played. What was violated stands in the detail, at most three of them. */
export function lineOf(
  { name, holds }: Pick<Scenario, "name" | "holds">,
  outcome: Outcome,
  {
    seed,
    violations,
    count,
  }: { readonly seed: number; readonly violations: readonly Violation[]; readonly count: number },
): FaultLine {
  const violated = new Set(violations.map(({ invariant }) => invariant));
  const { runs, recoveryMs, figure, unit, detail } = outcome;
  const shown = violations.slice(0, 3).map(({ invariant, what }) => `${invariant}: ${what}`);
  const more = count > shown.length ? ` (and ${count - shown.length} more)` : "";
  return {
    scenario: name,
    held: holds.filter((invariant) => !violated.has(invariant)),
    ok: count === 0,
    ...(recoveryMs === undefined ? {} : { recoveryMs: Math.round(recoveryMs) }),
    ...(figure === undefined ? {} : { figure: Number(figure.toPrecision(3)) }),
    ...(unit === undefined ? {} : { unit }),
    runs,
    seed,
    detail: count === 0 ? detail : `NOT HELD: ${shown.join("; ")}${more}. ${detail}`,
  };
}

/** The line of a scenario that this machine cannot play. */
export function notRunLine(name: string, seed: number, why: string): FaultLine {
  return { scenario: name, held: [], ok: null, runs: 0, seed, detail: `not run: ${why}` };
}
