import type { Offset } from "@dimmer/core";
import type { Calendar } from "../calendar/calendar.ts";
import type { ZoneDays } from "../calendar/zone-days.ts";
import type { Hold } from "../plan.ts";

/** Days that do not count, from and to, inclusive; `Infinity` for a hold without an end. */
interface HeldDays {
  readonly first: number;
  readonly last: number;
}

/**
 * Counts days while holds stand still: the anchor's own day does not count, nor does a day that a hold touches. Without
 * holds counting is a look-up; with them it costs their number more.
 */
export class HeldClock {
  readonly #days: ZoneDays;
  readonly #held: readonly HeldDays[];

  constructor(days: ZoneDays, holds: readonly Hold[]) {
    this.#days = days;
    this.#held = merged(
      holds
        .filter(({ fromMs, untilMs }) => untilMs === undefined || untilMs > fromMs)
        .map(({ fromMs, untilMs }) => ({
          first: days.dayOf(fromMs),
          last: untilMs === undefined ? Number.POSITIVE_INFINITY : days.dayOf(untilMs - 1),
        })),
    );
  }

  /** Whether anything was ever held. */
  get hasHolds(): boolean {
    return this.#held.length > 0;
  }

  /** The day of an offset after a day; `undefined` while a hold without an end lies before it. */
  after(day: number, { n, unit }: Offset, calendar: Calendar): number | undefined {
    let count = n;
    for (;;) {
      const target = unit === "bd" ? calendar.nthAfter(day, count) : day + count;
      let lost = 0;
      for (const { first, last } of this.#held) {
        if (first > target || last <= day) continue;
        if (last === Number.POSITIVE_INFINITY) return undefined;
        lost += unit === "bd" ? countOf(calendar, Math.max(first, day + 1), last) : last - Math.max(first, day + 1) + 1;
      }
      if (n + lost === count) return target;
      count = n + lost;
    }
  }

  /** The opening of the first business day that is no earlier than a day and not held; `undefined` as above. */
  opening(day: number, calendar: Calendar): { readonly day: number; readonly atMs: number } | undefined {
    let open = calendar.onOrAfter(day);
    for (const { first, last } of this.#held) {
      if (open < first || open > last) continue;
      if (last === Number.POSITIVE_INFINITY) return undefined;
      open = calendar.onOrAfter(last + 1);
    }
    return { day: open, atMs: this.#days.instantOf(open, calendar.opensMinute) };
  }

  /** The first opening that is not before an instant. */
  openingFrom(atMs: number, calendar: Calendar): { readonly day: number; readonly atMs: number } | undefined {
    const day = this.#days.dayOf(atMs);
    const found = this.opening(day, calendar);
    return found === undefined || found.atMs >= atMs ? found : this.opening(day + 1, calendar);
  }
}

/** Business days from one day to another, both inclusive. */
function countOf(calendar: Calendar, first: number, last: number): number {
  return last < first ? 0 : calendar.indexOf(last) - calendar.indexOf(first - 1);
}

function merged(held: readonly HeldDays[]): HeldDays[] {
  const spans: HeldDays[] = [];
  for (const span of held.toSorted((a, b) => a.first - b.first)) {
    const before = spans.at(-1);
    if (before === undefined || span.first > before.last + 1) spans.push(span);
    else if (span.last > before.last) spans[spans.length - 1] = { first: before.first, last: span.last };
  }
  return spans;
}
