import { DimmerError, parseDurationMs } from "@dimmer/core";

/** The first second that an instant may name: 1970-01-01T00:00:00Z. */
const MIN_SECONDS = 0;
/** The first second past what an instant may name: 2200-01-01T00:00:00Z. */
const END_SECONDS = 7_258_118_400;

const ISO = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|z|[+-]\d{2}:\d{2})?$/;
const RELATIVE = /^now(?:([+-])(\d{1,6}[smhd]))?$/;
const FORMS = 'write an ISO 8601 instant with a zone ("2026-12-09T09:00:00+09:00"), whole Unix seconds, or "now+2m"';

/**
 * Reads an instant as people write it, as whole Unix seconds: ISO 8601 with a zone, whole Unix seconds, or `now`,
 * `now+2m`, `now-30d` (units `s m h d`, relative to `nowMs`). Years 1970 to 2199: a year 9999 that stands for "never"
 * and milliseconds taken for seconds are mistakes, and an instant without a zone is another one on every machine.
 *
 * @param nowMs Unix milliseconds; cut to the second
 * @throws {DimmerError} `input_invalid`, with a message that says what is wrong and the fix, but not the place
 */
export function parseInstantSeconds(value: unknown, nowMs: number): number {
  const seconds = typeof value === "number" ? value : typeof value === "string" ? fromText(value, nowMs) : undefined;
  if (seconds === undefined) throw refusal(`is not an instant; ${FORMS}`, value);
  if (!Number.isInteger(seconds)) throw refusal("is not a whole second; leave out the fraction", value);
  if (seconds < MIN_SECONDS || seconds >= END_SECONDS) {
    const isMilliseconds = typeof value === "number" && seconds / 1_000 < END_SECONDS && seconds > 0;
    const fix = isMilliseconds ? "it looks like milliseconds: divide by 1000" : "name an instant that is meant";
    throw refusal(`lies outside the years 1970 to 2199; ${fix}`, value);
  }
  return seconds;
}

function fromText(text: string, nowMs: number): number | undefined {
  const relative = RELATIVE.exec(text);
  if (relative !== null) {
    const offsetMs = relative[2] === undefined ? 0 : (parseDurationMs(relative[2]) ?? 0);
    return Math.floor(nowMs / 1_000) + (relative[1] === "-" ? -offsetMs : offsetMs) / 1_000;
  }
  const match = ISO.exec(text);
  if (match === null) {
    if (/^\d{4}-\d{2}-\d{2}$/.test(text)) throw refusal(`is a day and no instant; ${FORMS}`, text);
    if (/^\d+$/.test(text)) throw refusal("is a number in quotes; take the quotes off", text);
    return undefined;
  }
  const [, year, month, day, hour, minute, second = "0", fraction = "0", zone] = match;
  if (zone === undefined) {
    throw refusal(`has no zone, so it would be another instant on another machine; add "Z" or "+09:00"`, text);
  }
  const parts = [year, month, day, hour, minute, second].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(0);
  // setUTCFullYear, unlike Date.UTC, does not read the years 0 to 99 as 1900 to 1999.
  date.setUTCFullYear(parts[0], parts[1] - 1, parts[2]);
  date.setUTCHours(parts[3], parts[4], parts[5]);
  const isOnCalendar =
    date.getUTCMonth() === parts[1] - 1 &&
    date.getUTCDate() === parts[2] &&
    parts[3] < 24 &&
    parts[4] < 60 &&
    parts[5] < 60;
  const offsetMinutes = zoneMinutes(zone);
  if (!isOnCalendar || offsetMinutes === undefined) throw refusal("is on no calendar or clock; correct it", text);
  return date.getTime() / 1_000 - offsetMinutes * 60 + Number(`0.${fraction}`);
}

function zoneMinutes(zone: string): number | undefined {
  if (zone.toUpperCase() === "Z") return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(4, 6));
  if (hours > 14 || minutes > 59) return undefined;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

const MAX_SHOWN = 60;

function refusal(message: string, value: unknown): DimmerError {
  const text = JSON.stringify(value) ?? String(value);
  return new DimmerError(
    "input_invalid",
    `${text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text} ${message}`,
  );
}
