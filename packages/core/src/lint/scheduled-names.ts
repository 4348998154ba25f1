import { CLOSED_MODE, ESSENTIAL_MODE } from "../vocabulary.ts";
import type { Findings } from "./findings.ts";
import type { Names } from "./names.ts";
import { type JsonObject, reportUnknown } from "./shape.ts";

/** What the tracks may refer to beside the names of the policy. */
export interface SchedulingNames extends Names {
  readonly calendars: ReadonlySet<string>;
  readonly notices: ReadonlySet<string>;
  /** The policy's modes as they stand, mildest first. */
  readonly modeList: readonly unknown[];
}

/** What goes wrong with a step that nothing announces. */
export const UNANNOUNCED = "the step would come unannounced";

/** Checks that a name is defined by the policy. */
export function lintNamed(
  findings: Findings,
  value: unknown,
  place: string,
  kind: string,
  known: ReadonlySet<string>,
): void {
  if (value === undefined || (typeof value === "string" && known.has(value))) return;
  reportUnknown(findings, place, kind, value);
}

/** Checks that a mode may stand in a schedule; gives its rank, or `undefined` with a finding. */
export function lintSchedulableMode(
  findings: Findings,
  mode: unknown,
  place: string,
  names: SchedulingNames,
): number | undefined {
  if (typeof mode !== "string" || !names.modes.has(mode)) {
    reportUnknown(findings, place, "mode", mode);
    return undefined;
  }
  if (mode !== CLOSED_MODE && mode !== ESSENTIAL_MODE) {
    return names.modeList.findIndex((item) => (item as JsonObject | null)?.["name"] === mode);
  }
  const reason = mode === CLOSED_MODE ? "the deletion alone writes it" : "it is the floor of an exception";
  const message = `the mode "${mode}" stands in a schedule, and ${reason}`;
  findings.error({ code: "mode_not_schedulable", place, message, fix: "Schedule another mode." });
  return undefined;
}
