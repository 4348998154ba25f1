const DIGEST = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const KID = /^[A-Za-z0-9_-]{16}$/;
const CASE_ID = /^[A-Za-z0-9_][A-Za-z0-9._:-]{0,127}$/;
const AUDIENCE = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/;
const ISSUER = /^[\x21-\x7e]{1,256}$/;

/** Last second of the year 9999: the latest instant that ISO 8601 spells with four digits. */
export const MAX_SECONDS = 253_402_300_799;

/** Tells whether a value is an object of JSON: neither an array nor `null`. Never throws. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Tells whether a value is an instant on the wire: whole Unix seconds, from 1970 to 9999. Never throws. */
export function isSeconds(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_SECONDS;
}

/** Tells whether a value is a digest: 43 characters of base64url with clean unused bits. Never throws. */
export function isDigest(value: unknown): value is string {
  return typeof value === "string" && DIGEST.test(value);
}

/** Tells whether a value has the form of a key id. Never throws. */
export function isKid(value: unknown): value is string {
  return typeof value === "string" && KID.test(value);
}

/** Tells whether a value may name a case: the form of a tenant id. Never throws. */
export function isCaseId(value: unknown): value is string {
  return typeof value === "string" && CASE_ID.test(value);
}

/** What the id of a tenant or of a case must be, as error messages say it. */
export const ID_WANTS = "must be 1 to 128 letters, digits or . _ : -, the first a letter, digit or _";

/** What such an id must be where a value is none: YAML makes a number of one that stands there bare. Never throws. */
export function idWants(value: unknown): string {
  return typeof value === "number" || typeof value === "boolean" ? "must be text: put it in quotes" : ID_WANTS;
}

/** Tells whether a value may name an audience: letters, digits and `. _ : / -`, at most 128. Never throws. */
export function isAudience(value: unknown): value is string {
  return typeof value === "string" && AUDIENCE.test(value);
}

/** Tells whether a value may name an issuer: 1 to 256 visible ASCII characters, often a URL. Never throws. */
export function isIssuer(value: unknown): value is string {
  return typeof value === "string" && ISSUER.test(value);
}

/** A value as an error message shows it: short, on one line, whatever it is. Never throws. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case "number":
    case "boolean":
      return String(value);
    case "undefined":
      return "missing";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? `an array of ${value.length}` : "an object";
    default:
      return `a ${typeof value}`;
  }
}
