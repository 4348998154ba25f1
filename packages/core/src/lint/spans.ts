import { parseDecisionMode } from "../decision-mode.ts";
import { parseDurationMs } from "../duration.ts";
import { type Offset, parseOffset } from "../offset.ts";
import type { FindingCode, Findings } from "./findings.ts";
import { placeOf, shown } from "./findings.ts";
import type { JsonObject } from "./shape.ts";

/** What to report where a member is missing, and the member's parent. */
export interface Part {
  readonly object: JsonObject;
  readonly place: string;
  /** The code of a missing member: mostly `missing`. */
  readonly code?: FindingCode;
  /** What goes wrong without it. */
  readonly without?: string;
}

/** Reads a member that must be there, with the finding that the part names where it is not. */
export function requiredOf(findings: Findings, part: Part, key: string | number): unknown {
  const { object, place, code = "missing", without = "it is missing" } = part;
  if (Object.hasOwn(object, key) && object[key] !== undefined) return object[key];
  const fix = `Write "${String(key)}" as in the standard policy.`;
  findings.error({ code, place: placeOf(place, key), message: without, fix });
  return undefined;
}

/** Reads an offset that must be there: a blank one means never, and a step that never comes is none. */
export function offsetOf(findings: Findings, part: Part, key: string | number): Offset | undefined {
  const value = requiredOf(findings, part, key);
  if (value === undefined) return undefined;
  const place = placeOf(part.place, key);
  if (value === "" || value === null) {
    const message = "it is blank, and a blank date means never";
    findings.error({ code: "blank_offset", place, message, fix: 'Write one such as "7bd" or "30d", or remove it.' });
    return undefined;
  }
  const offset = typeof value === "string" ? parseOffset(value) : undefined;
  if (offset === undefined) {
    const fix = 'Write a whole number and a unit, business days or calendar days: "7bd", "30d".';
    findings.error({ code: "bad_offset", place, message: `${shown(value)} is no offset`, fix });
  }
  return offset;
}

/** Reads an offset in calendar days that must be there, as days. */
export function daysOf(findings: Findings, part: Part, key: string | number): number | undefined {
  const offset = offsetOf(findings, part, key);
  if (offset === undefined || offset.unit === "d") return offset?.n;
  const fix = 'Write calendar days: "30d".';
  const message = `${shown(part.object[key])} counts business days, and no calendar is meant here`;
  findings.error({ code: "bad_offset", place: placeOf(part.place, key), message, fix });
  return undefined;
}

/** Reads a duration that must be there, in milliseconds. */
export function durationOf(findings: Findings, part: Part, key: string | number): number | undefined {
  const value = requiredOf(findings, part, key);
  if (value === undefined) return undefined;
  const ms = typeof value === "string" ? parseDurationMs(value) : undefined;
  if (ms === undefined) {
    const fix = 'Write a whole number and a unit: "30m", "24h", "7d".';
    const place = placeOf(part.place, key);
    findings.error({ code: "bad_duration", place, message: `${shown(value)} is no duration`, fix });
  }
  return ms;
}

/** Checks who decides a step. */
export function lintDecision(findings: Findings, value: unknown, place: string): void {
  if (value === undefined || (typeof value === "string" && parseDecisionMode(value) !== undefined)) return;
  const fix = "Write auto, auto_unless_vetoed(24h), manual or manual(four_eyes).";
  findings.error({ code: "bad_decision", place, message: `${shown(value)} is no decision mode`, fix });
}

/** Checks that a text is one of those that are known. */
export function lintOneOf(findings: Findings, value: unknown, place: string, known: readonly string[]): void {
  if (value === undefined || (typeof value === "string" && known.includes(value))) return;
  const fix = `Write ${known.join(" or ")}.`;
  findings.error({ code: "bad_value", place, message: `${shown(value)} is not known here`, fix });
}
