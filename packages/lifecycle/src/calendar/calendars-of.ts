import { type CalendarDocument, DimmerError, type PolicyDocument } from "@dimmer/core";
import { Calendar } from "./calendar.ts";
import { epochDayOf } from "./epoch-day.ts";
import { JAPAN_VERSION, JAPAN_YEARS, japanHolidaysOf, YEAR_END } from "./japan-holidays.ts";

/** The calendars of a policy by name, made ready. */
export type Calendars = ReadonlyMap<string, Calendar>;

/** Which data to use, where a case was opened under a certain one. */
export interface CalendarsOptions {
  /**
   * The versions that a case has pinned, by calendar, as its plan's `basis` has them. Left out: the newest data. A
   * version that is not there is refused: dates that were promised are not computed anew from other holidays.
   */
  readonly pinned?: Readonly<Record<string, string>>;
}

/**
 * Makes the calendars of a policy ready: once per policy, some milliseconds each.
 *
 * @param policy one that lints without an error
 * @throws {DimmerError} `calendar_unavailable` where a pinned version is not the one at hand
 */
export function calendarsOf(policy: PolicyDocument, options: CalendarsOptions = {}): Calendars {
  const calendars = new Map<string, Calendar>();
  for (const [name, document] of Object.entries(policy.calendars ?? {})) {
    const calendar = calendarOf(name, document);
    const pinned = options.pinned?.[name];
    if (pinned !== undefined && pinned !== calendar.version) {
      const message = `calendar ${name} is at version ${calendar.version}, and the case was opened under ${pinned}: take the policy that the case was opened under, and the release that has its data`;
      throw new DimmerError("calendar_unavailable", message);
    }
    calendars.set(name, calendar);
  }
  return calendars;
}

function calendarOf(name: string, document: CalendarDocument): Calendar {
  const isJapan = document.base !== "weekdays";
  const [first, last] = isJapan ? JAPAN_YEARS : (document.years ?? [0, 0]);
  const closed = new Map<number, string>(isJapan ? japanClosed(document.base) : []);
  for (const date of document.closed ?? []) closed.set(epochDayOf(date), "company day off");
  const company = [...(document.closed ?? []).toSorted(), "/", ...(document.open ?? []).toSorted()].join(",");
  const base = isJapan ? JAPAN_VERSION : `weekdays/${first}-${last}`;
  return new Calendar({
    name,
    version: company === "/" ? base : `${base}+${fingerprintOf(company)}`,
    firstDay: epochDayOf(`${first}-01-01`),
    lastDay: epochDayOf(`${last}-12-31`),
    closed,
    open: new Set((document.open ?? []).map(epochDayOf)),
    opensMinute: minuteOf(document.opens),
    closesMinute: minuteOf(document.closes),
  });
}

const japanTables = new Map<string, ReadonlyMap<number, string>>();

/** The closed days of a Japanese layer, made once per process. */
function japanClosed(base: CalendarDocument["base"]): ReadonlyMap<number, string> {
  const known = japanTables.get(base);
  if (known !== undefined) return known;
  const closed = new Map<number, string>();
  for (let year = JAPAN_YEARS[0]; year <= JAPAN_YEARS[1]; year++) {
    const offices = base === "jp-bank" || base === "jp-government" ? YEAR_END[base] : [];
    for (const date of offices) closed.set(epochDayOf(`${year}-${date}`), "year-end closing");
    for (const [day, { name }] of japanHolidaysOf(year)) closed.set(day, name);
  }
  japanTables.set(base, closed);
  return closed;
}

function minuteOf(time: string): number {
  const [hour = "0", minute = "0"] = time.split(":");
  return Number(hour) * 60 + Number(minute);
}

/** FNV-1a over a list of dates: tells two lists of company days apart, and guards nothing. */
function fingerprintOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, "0");
}
