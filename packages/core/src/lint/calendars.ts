import { CALENDAR_BASES } from "../tracks.ts";
import { type Findings, placeOf, shown } from "./findings.ts";
import { asArray, asObject, entriesOf, type JsonObject, member, warnUnknownFields } from "./shape.ts";
import { lintOneOf } from "./spans.ts";

const MAX_CALENDARS = 50;
const MAX_DAYS = 5_000;
const NAME = /^[a-z][a-z0-9_-]{0,63}$/;
const FIRST_YEAR = 1970;
const LAST_YEAR = 2200;

/** The rules about calendars: a known base, hours of a day, dates that exist. Gives their names. */
export function lintCalendars(findings: Findings, value: unknown): Set<string> {
  const names = new Set<string>();
  if (value === undefined) return names;
  for (const [name, item] of entriesOf(findings, value, "calendars", MAX_CALENDARS)) {
    const place = placeOf("calendars", name);
    if (NAME.test(name)) names.add(name);
    else {
      const fix = "Use lower-case letters, digits, _ and -, a letter first.";
      findings.error({ code: "bad_name", place, message: `${shown(name)} is no name`, fix });
    }
    const calendar = asObject(findings, item, place);
    if (calendar !== undefined) lintCalendar(findings, calendar, place);
  }
  return names;
}

function lintCalendar(findings: Findings, calendar: JsonObject, place: string): void {
  warnUnknownFields(findings, calendar, place, ["base", "opens", "closes", "closed", "open", "years"]);
  const base = member(findings, calendar, "base", place);
  lintOneOf(findings, base, `${place}.base`, CALENDAR_BASES);
  const opens = minuteOf(findings, calendar, "opens", place);
  const closes = minuteOf(findings, calendar, "closes", place);
  if (opens !== undefined && closes !== undefined && opens >= closes) {
    const fix = "Close after opening, on the same day.";
    findings.error({ code: "bad_value", place: `${place}.closes`, message: "it closes before it opens", fix });
  }
  for (const key of ["closed", "open"]) {
    if (calendar[key] === undefined) continue;
    const dates = asArray(findings, calendar[key], `${place}.${key}`, MAX_DAYS) ?? [];
    for (const [index, date] of dates.entries()) {
      if (findings.isFull) return;
      if (isDate(date)) continue;
      const at = placeOf(`${place}.${key}`, index);
      const fix = 'Write one such as "2026-12-30".';
      findings.error({ code: "bad_date", place: at, message: `${shown(date)} is no date`, fix });
    }
  }
  if (base === "weekdays") lintYears(findings, member(findings, calendar, "years", place), `${place}.years`);
}

function lintYears(findings: Findings, value: unknown, place: string): void {
  if (value === undefined) return;
  const [first, last] = Array.isArray(value) ? (value as unknown[]) : [];
  const isYear = (year: unknown): year is number =>
    Number.isSafeInteger(year) && (year as number) >= FIRST_YEAR && (year as number) <= LAST_YEAR;
  if (Array.isArray(value) && value.length === 2 && isYear(first) && isYear(last) && first <= last) return;
  const message = `${shown(value)} is no span of years`;
  findings.error({ code: "bad_value", place, message, fix: "Write the first and the last year: [2026, 2028]." });
}

function minuteOf(findings: Findings, calendar: JsonObject, key: string, place: string): string | undefined {
  const value = member(findings, calendar, key, place);
  if (value === undefined) return undefined;
  if (typeof value === "string" && /^(?:[01]\d|2[0-3]):[0-5]\d$/.test(value)) return value;
  const fix = 'Write hours and minutes: "09:00".';
  findings.error({ code: "bad_value", place: placeOf(place, key), message: `${shown(value)} is no time of day`, fix });
  return undefined;
}

/** Whether a value is a date of the calendar, `2026-12-30`. */
function isDate(value: unknown): value is string {
  const match = typeof value === "string" ? /^(\d{4})-(\d{2})-(\d{2})$/.exec(value) : null;
  if (match === null) return false;
  const [year, month, day] = match.slice(1).map(Number) as [number, number, number];
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day >= 1 && day <= days;
}
