import { isName } from "../vocabulary.ts";
import { type Findings, placeOf, shown } from "./findings.ts";

/** A plain JSON object, read by its own members only. */
export type JsonObject = Readonly<Record<string, unknown>>;

const TYPE_FIX = "Write it as in the standard policy.";

/** The value as an object, or `undefined` with a finding. */
export function asObject(findings: Findings, value: unknown, place: string): JsonObject | undefined {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  reportType(findings, value, place, "an object");
  return undefined;
}

/** The value as an array of at most `max` items, or `undefined` with a finding. */
export function asArray(findings: Findings, value: unknown, place: string, max: number): unknown[] | undefined {
  if (!Array.isArray(value)) {
    reportType(findings, value, place, "an array");
    return undefined;
  }
  return isWithin(findings, value.length, place, max) ? (value as unknown[]) : undefined;
}

/** The members of an object of at most `max`, in order; empty with a finding where it is none or has more. */
export function entriesOf(findings: Findings, value: unknown, place: string, max: number): [string, unknown][] {
  const object = asObject(findings, value, place);
  if (object === undefined) return [];
  return isWithin(findings, Object.keys(object).length, place, max) ? Object.entries(object) : [];
}

/** The value as a string of 1 to `max` characters, or `undefined` with a finding. */
export function asText(findings: Findings, value: unknown, place: string, max: number): string | undefined {
  if (typeof value !== "string") {
    reportType(findings, value, place, "a string");
    return undefined;
  }
  if (value.length === 0) {
    findings.error({ code: "missing", place, message: "it is empty", fix: "Write a text." });
    return undefined;
  }
  if (value.length > max) {
    const message = `it has ${value.length} characters, and at most ${max} are read`;
    findings.error({ code: "too_long", place, message, fix: "Shorten it." });
    return undefined;
  }
  return value;
}

/** Whether the value is a name of the domain; a finding where it is not. */
export function isWellNamed(findings: Findings, value: unknown, place: string): value is string {
  if (isName(value)) return true;
  const message = `${shown(value)} is no name`;
  const fix = "Use lower-case words joined by dots, at most 64 characters: letters, digits and _, a letter first.";
  findings.error({ code: "bad_name", place, message, fix });
  return false;
}

/** Reads a member; a finding where it is missing. Inherited names are never read. */
export function member(findings: Findings, object: JsonObject, key: string, parent = ""): unknown {
  if (Object.hasOwn(object, key) && object[key] !== undefined) return object[key];
  const place = placeOf(parent, key);
  findings.error({ code: "missing", place, message: "it is missing", fix: TYPE_FIX });
  return undefined;
}

/** Warns of members that nothing reads: mostly a misspelling. */
export function warnUnknownFields(
  findings: Findings,
  object: JsonObject,
  place: string,
  known: readonly string[],
): void {
  for (const key of Object.keys(object)) {
    if (findings.isFullOfWarnings) return;
    if (known.includes(key)) continue;
    const fix = `Remove it, or spell one of: ${known.join(", ")}.`;
    const message = `${shown(key)} is not a field that is read here`;
    findings.warning({ code: "unknown_field", place: placeOf(place, key), message, fix });
  }
}

/** Reports a name that nothing in the policy defines. */
export function reportUnknown(findings: Findings, place: string, kind: string, name: unknown): void {
  const message = `there is no ${kind} ${shown(name)} in this policy`;
  findings.error({ code: "unknown_name", place, message, fix: `Name a ${kind} of the policy, or define it.` });
}

function reportType(findings: Findings, value: unknown, place: string, expected: string): void {
  if (value === undefined) return; // `member` has said that it is missing
  const message = `it is ${shown(value)}, not ${expected}`;
  findings.error({ code: "wrong_type", place, message, fix: TYPE_FIX });
}

function isWithin(findings: Findings, count: number, place: string, max: number): boolean {
  if (count <= max) return true;
  const message = `there are ${count}, and at most ${max} are allowed`;
  findings.error({ code: "too_many", place, message, fix: "Remove or merge some." });
  return false;
}
