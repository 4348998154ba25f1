import { type PolicyDocument, parseDurationMs } from "@dimmer/core";
import { calendarsOf } from "@dimmer/lifecycle";

const DAY_MS = 86_400_000;
/** No further at once: a ladder comes to its end within this. */
const MOST_MS = 400 * DAY_MS;

/** Where a clock is to go: by so much, or to an instant. */
export interface Advance {
  /** `"7bd"`: the seventh business day after today, not before its opening hour; else a duration such as `"3d"`, `"2h"`. */
  readonly advance?: string | undefined;
  /** ISO 8601 with a zone or an offset. */
  readonly to?: string | undefined;
}

/**
 * The instant that a clock is moved to, in Unix milliseconds. Business days are those of the policy's nonpayment track.
 *
 * @throws {TypeError} naming what is wrong, for the person who asked
 * @throws {DimmerError} `calendar_unavailable`
 */
export function advanceTarget({ advance, to }: Advance, policy: PolicyDocument, nowMs: number): number {
  if ((advance === undefined) === (to === undefined)) {
    throw new TypeError('give either advance, such as "7bd", "3d" or "2h", or to, an instant');
  }
  const targetMs = to === undefined ? advanced(advance ?? "", policy, nowMs) : instantOf(to);
  if (targetMs <= nowMs) throw new TypeError(`${to ?? advance}: lies behind; the clock only goes ahead`);
  if (targetMs - nowMs > MOST_MS)
    throw new TypeError(`${to ?? advance}: is over 400 days ahead; go in smaller strides`);
  return targetMs;
}

function advanced(text: string, policy: PolicyDocument, nowMs: number): number {
  const days = /^(\d{1,3})bd$/.exec(text)?.[1];
  if (days !== undefined) return businessDaysAfter(Number(days), policy, nowMs);
  const ms = parseDurationMs(text);
  if (ms === undefined)
    throw new TypeError(`${JSON.stringify(text)}: must be such as 7bd (business days), 3d, 2h or 30m`);
  return nowMs + ms;
}

function businessDaysAfter(count: number, policy: PolicyDocument, nowMs: number): number {
  const name = policy.tracks?.nonpayment?.calendar ?? Object.keys(policy.calendars ?? {})[0];
  const calendar = name === undefined ? undefined : calendarsOf(policy).get(name);
  if (calendar === undefined) throw new TypeError("the policy has no calendar: give days, such as 7d");
  const now = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(policy.zone);
  const today = Math.floor(Date.parse(`${now.toPlainDate().toString()}T00:00:00Z`) / DAY_MS);
  const day = new Temporal.PlainDate(1970, 1, 1).add({ days: calendar.nthAfter(today, count) });
  const opens = Temporal.PlainTime.from({
    hour: Math.floor(calendar.opensMinute / 60),
    minute: calendar.opensMinute % 60,
  });
  const time = Temporal.PlainTime.compare(now.toPlainTime(), opens) < 0 ? opens : now.toPlainTime();
  return day.toZonedDateTime({ timeZone: policy.zone, plainTime: time }).epochMilliseconds;
}

function instantOf(text: string): number {
  try {
    return Temporal.Instant.from(text).epochMilliseconds;
  } catch {
    throw new TypeError(`${JSON.stringify(text)}: must be an instant with its zone, such as 2027-01-07T09:00:00+09:00`);
  }
}
