const EPOCH = Temporal.PlainDate.from("1970-01-01");
const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/;

/** Dates met so far: a policy has a few calendars, and their dates are asked again and again. */
const dayByIso = new Map<string, number>();
const isoByDay = new Map<number, string>();
const MAX_REMEMBERED = 50_000;

/** Whether a text is a date that exists, `2026-12-25`. Never throws. */
export function isIsoDate(text: unknown): text is string {
  if (typeof text !== "string" || !ISO_DATE.test(text)) return false;
  if (dayByIso.has(text)) return true;
  try {
    Temporal.PlainDate.from(text, { overflow: "reject" });
    return true;
  } catch {
    return false;
  }
}

/**
 * The number of a date, in days since 1970-01-01.
 *
 * @throws {RangeError} where the date does not exist
 */
export function epochDayOf(isoDate: string): number {
  const known = dayByIso.get(isoDate);
  if (known !== undefined) return known;
  const day = EPOCH.until(Temporal.PlainDate.from(isoDate, { overflow: "reject" }), { largestUnit: "days" }).days;
  if (dayByIso.size >= MAX_REMEMBERED) dayByIso.clear();
  dayByIso.set(isoDate, day);
  return day;
}

/** The date of a day's number, `2026-12-25`. Never throws within the years 0 to 9999. */
export function isoDateOf(day: number): string {
  const known = isoByDay.get(day);
  if (known !== undefined) return known;
  const isoDate = EPOCH.add({ days: day }).toString();
  if (isoByDay.size >= MAX_REMEMBERED) isoByDay.clear();
  isoByDay.set(day, isoDate);
  return isoDate;
}

/** The day of the week: 0 is Sunday, 6 is Saturday. Never throws. */
export function weekdayOf(day: number): number {
  return (((day + 4) % 7) + 7) % 7;
}
