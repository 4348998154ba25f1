import type { CompiledMode, Rights } from "./compile.ts";
import type { State } from "./decide.ts";
import type { Moment } from "./decision.ts";
import type { RestrictionTerms, Step } from "./entitlement.ts";
import { LOCKED_MODE, RESTRICTION_CAUSES, type RestrictionCause } from "./vocabulary.ts";

/** What one restriction leaves open at a moment. */
export interface RestrictionStanding {
  readonly cause: RestrictionCause;
  /** Position in the entitlement's list, by which its case is found. */
  readonly index: number;
  /** The mode shown: the milder of the step's mode and the floor in force. */
  readonly mode: CompiledMode;
  readonly rights: Rights;
  readonly deniedFeatures: ReadonlySet<string>;
  readonly caps: ReadonlyMap<string, number>;
  /** Instant of the step that gives the mode, in Unix milliseconds; `undefined` while none has come. */
  readonly sinceMs: number | undefined;
}

/** Where a tenant stands at a moment: all that a decision needs, worked out once. */
export interface Standing {
  readonly state: State;
  readonly moment: Moment;
  /** Gravest cause first. */
  readonly restrictions: readonly RestrictionStanding[];
  /** The mode shown. */
  readonly mode: string;
  /** First instant (Unix milliseconds) at which this may change by time alone; `Infinity` for never. */
  readonly untilMs: number;
}

const NO_FEATURES: ReadonlySet<string> = new Set();

interface Instant {
  readonly mode: CompiledMode;
  readonly rights: Rights;
  readonly deniedFeatures: ReadonlySet<string>;
  readonly caps: ReadonlyMap<string, number>;
  readonly sinceMs: number | undefined;
}

/** Works out where a tenant stands. Linear in its restrictions and steps. Never throws. */
export function standingOf(state: State, moment: Moment): Standing {
  const restrictions = (state.held && state.terms?.restrictions ? state.terms.restrictions : [])
    .map((restriction, index) => standingUnder(state, restriction, index, moment))
    .sort((a, b) => RESTRICTION_CAUSES.indexOf(a.cause) - RESTRICTION_CAUSES.indexOf(b.cause));
  let shown = state.policy.full;
  for (const { mode } of restrictions) if (mode.rank > shown.rank) shown = mode;
  let untilMs = Number.POSITIVE_INFINITY;
  for (const { steps, exception } of state.terms?.restrictions ?? []) {
    for (const step of steps) untilMs = earliestAfter(moment.nowMs, step.atMs, untilMs);
    if (exception !== undefined) {
      untilMs = earliestAfter(moment.nowMs, exception.fromMs, untilMs);
      untilMs = earliestAfter(moment.nowMs, exception.untilMs, untilMs);
    }
  }
  return { state, moment, restrictions, mode: state.lock === undefined ? shown.name : LOCKED_MODE, untilMs };
}

function earliestAfter(nowMs: number, candidateMs: number, untilMs: number): number {
  return candidateMs > nowMs && candidateMs < untilMs ? candidateMs : untilMs;
}

/** What a restriction leaves open: the union of its rights now and at the horizon, where that lies behind. */
function standingUnder(
  state: State,
  restriction: RestrictionTerms,
  index: number,
  moment: Moment,
): RestrictionStanding {
  const now = instantOf(state, restriction, moment.nowMs);
  const named = { cause: restriction.cause, index };
  if (moment.horizonMs >= moment.nowMs) return { ...named, ...now };
  const atHorizon = instantOf(state, restriction, moment.horizonMs);
  const milder = atHorizon.mode.rank < now.mode.rank ? atHorizon : now;
  return {
    ...named,
    mode: milder.mode,
    sinceMs: milder.sinceMs,
    rights: now.rights.map((bits, principal) => bits | (atHorizon.rights[principal] ?? 0)),
    deniedFeatures: now.deniedFeatures.intersection(atHorizon.deniedFeatures),
    caps: highestCaps(now.caps, atHorizon.caps),
  };
}

/** `rights(r, t)`: those of the latest step that has come, less its `deny`, plus the floor in force. */
function instantOf(state: State, restriction: RestrictionTerms, atMs: number): Instant {
  const { policy } = state;
  const step = latestStep(restriction.steps, atMs);
  const mode = (step === undefined ? undefined : policy.modes.get(step.mode)) ?? policy.full;
  const { exception } = restriction;
  const isExcepted = exception !== undefined && exception.fromMs <= atMs && atMs < exception.untilMs;
  const floor = isExcepted ? policy.modes.get(exception.floor) : undefined;
  let denied = 0;
  let deniedFeatures = NO_FEATURES;
  for (const item of step?.deny ?? []) {
    if (item.startsWith("feature:")) {
      deniedFeatures = new Set(deniedFeatures).add(item.slice("feature:".length));
    } else {
      const bit = policy.bits.get(item);
      if (bit !== undefined) denied |= 1 << bit;
    }
  }
  const shown = floor !== undefined && floor.rank < mode.rank ? floor : mode;
  return {
    mode: shown,
    rights: mode.rights.map((bits, principal) => (bits & ~denied) | (floor?.rights[principal] ?? 0)),
    deniedFeatures,
    caps: shown.caps,
    sinceMs: step?.atMs,
  };
}

function latestStep(steps: readonly Step[], atMs: number): Step | undefined {
  let latest: Step | undefined;
  for (const step of steps) if (step.atMs <= atMs) latest = step;
  return latest;
}

function highestCaps(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const caps = new Map<string, number>();
  for (const [feature, cap] of a) {
    const other = b.get(feature);
    if (other !== undefined) caps.set(feature, Math.max(cap, other));
  }
  return caps;
}
