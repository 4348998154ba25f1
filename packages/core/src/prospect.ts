import { isoInstant } from "./instant.ts";
import { type Standing, standingOf } from "./standing.ts";

/** The next change of a mode: when (ISO 8601 with the policy zone's offset), and to which. */
export interface NextMode {
  readonly at: string;
  readonly mode: string;
}

/** The next change of the mode shown, as the signed steps say, were there no lock. */
export interface Prospect {
  /** Unix milliseconds. */
  readonly atMs: number;
  readonly mode: string;
}

/**
 * Looks ahead in the signed steps for the next instant at which the mode shown changes, whatever the horizon: a step
 * that was announced is announced. `undefined` where none changes it. Never throws.
 *
 * @param standing the tenant's, or that of one of its restrictions alone
 */
export function prospectOf(standing: Standing): Prospect | undefined {
  const state = { ...standing.state, lock: undefined };
  const { freshness } = standing.moment;
  const at = (nowMs: number): Standing => standingOf(state, { nowMs, horizonMs: Number.POSITIVE_INFINITY, freshness });
  const { mode } = standingOf(state, standing.moment);
  for (let next = at(standing.untilMs); Number.isFinite(next.moment.nowMs); next = at(next.untilMs)) {
    if (next.mode !== mode) return { atMs: next.moment.nowMs, mode: next.mode };
  }
  return undefined;
}

/** A prospect as it is told: its instant as ISO 8601. */
export function nextModeOf(standing: Standing): NextMode | undefined {
  const prospect = prospectOf(standing);
  if (prospect === undefined) return undefined;
  return { at: isoInstant(prospect.atMs, standing.state.policy.document.zone), mode: prospect.mode };
}
