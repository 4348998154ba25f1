import type { Address } from "./address.ts";
import { callerMistake, shown } from "./caller-mistake.ts";
import { unknownName } from "./unknown-name.ts";

const DEVELOPMENT = "development";
/** 43 characters of base64url are 258 bits: the last character carries two that must be zero. */
const TRUST = /^SHA256:[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const AUDIENCE = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/;
const TOKEN = /^[\x21-\x7e]{1,4096}$/;
const MAX_DELAY_MS = 3_600_000;

/** Refuses options that are no object, and names that are no option: a misspelt one must not go unnoticed. @throws {TypeError} */
export function checkFields(of: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw callerMistake(`${of}: options`, shown(options), `give an object, as in ${of}({ trust: "SHA256:…" })`);
  }
  for (const field of Object.keys(options)) {
    if (!known.includes(field)) throw unknownName(`${of}: ${field}`, "option", field, known);
  }
}

/** Checks the root keys that are trusted. @throws {TypeError} */
export function checkTrust(value: string | readonly string[], field: string): readonly string[] {
  const trust = listOf(value);
  if (trust.length === 0) throw callerMistake(field, "is an empty list", "give at least one root key");
  for (const root of trust) {
    if (typeof root !== "string" || !TRUST.test(root)) {
      const fix = "give SHA256: and the 43 characters of a root key's thumbprint, as `dimmer keys init` prints it";
      throw callerMistake(field, shown(root), fix);
    }
  }
  return trust;
}

/** Checks the audience and fills in `development`. @throws {TypeError} */
export function checkAudience(value: string | undefined, field: string): string {
  const audience = value ?? DEVELOPMENT;
  if (typeof audience !== "string" || !AUDIENCE.test(audience)) {
    throw callerMistake(field, shown(audience), "give the audience that the feed is signed for, as in production");
  }
  return audience;
}

/** Refuses the audience `development` from afar. @throws {TypeError} */
export function checkReach(address: Address, audience: string, field: string): void {
  if (audience === DEVELOPMENT && !address.isLocal) {
    throw callerMistake(
      field,
      shown(DEVELOPMENT),
      `not accepted from ${address.origin}; give the audience of that feed, as in production`,
    );
  }
}

/** Checks milliseconds. @param leastMs the least that is accepted; the most is an hour. @throws {TypeError} */
export function checkMs(value: number | undefined, field: string, leastMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !(value >= leastMs && value <= MAX_DELAY_MS)) {
    throw callerMistake(field, shown(value), `give milliseconds from ${leastMs} to ${MAX_DELAY_MS}`);
  }
  return value;
}

/** Checks a bearer token; it never stands in the message. @throws {TypeError} */
export function checkToken(value: string | undefined, field: string): string | undefined {
  if (value !== undefined && (typeof value !== "string" || !TOKEN.test(value))) {
    throw callerMistake(field, "is no bearer token", "give 1 to 4,096 printable ASCII characters without spaces");
  }
  return value;
}

/** A list of what may be given as one or as several. */
export function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}
