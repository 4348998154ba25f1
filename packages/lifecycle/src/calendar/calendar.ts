import { DimmerError } from "@dimmer/core";
import { isoDateOf, weekdayOf } from "./epoch-day.ts";

/** What a calendar is made of. */
export interface CalendarParts {
  readonly name: string;
  readonly version: string;
  /** Days since 1970-01-01, both inclusive. */
  readonly firstDay: number;
  readonly lastDay: number;
  /** Closed days other than Saturdays and Sundays, with what they are called. */
  readonly closed: ReadonlyMap<number, string>;
  /** Days that are open whatever else says otherwise. */
  readonly open: ReadonlySet<number>;
  /** Minutes since midnight. */
  readonly opensMinute: number;
  readonly closesMinute: number;
}

/**
 * Business days as an integer index: counting them is one subtraction, finding the n-th one look-up. Days are numbers
 * since 1970-01-01. A day outside the data is refused, never guessed.
 */
export class Calendar {
  readonly name: string;
  /** What decisions store: data and company days. */
  readonly version: string;
  readonly opensMinute: number;
  readonly closesMinute: number;
  readonly #parts: CalendarParts;
  /** Business days up to and including each day. */
  readonly #index: Int32Array;
  /** Each business day, in order. */
  readonly #days: Int32Array;

  constructor(parts: CalendarParts) {
    this.name = parts.name;
    this.version = parts.version;
    this.opensMinute = parts.opensMinute;
    this.closesMinute = parts.closesMinute;
    this.#parts = parts;
    const length = parts.lastDay - parts.firstDay + 1;
    this.#index = new Int32Array(length);
    const days: number[] = [];
    for (let offset = 0; offset < length; offset++) {
      const day = parts.firstDay + offset;
      const isWeekend = weekdayOf(day) % 6 === 0;
      if (parts.open.has(day) || !(isWeekend || parts.closed.has(day))) days.push(day);
      this.#index[offset] = days.length;
    }
    this.#days = Int32Array.from(days);
  }

  /** Whether the calendar works on a day. @throws {DimmerError} `calendar_unavailable` */
  isBusinessDay(day: number): boolean {
    return this.indexOf(day) !== this.#indexBefore(day);
  }

  /** How many business days lie up to and including a day. @throws {DimmerError} `calendar_unavailable` */
  indexOf(day: number): number {
    const index = this.#index[day - this.#parts.firstDay];
    if (index === undefined) throw this.#unavailable(day);
    return index;
  }

  /** The n-th business day after a day, which itself does not count. @throws {DimmerError} `calendar_unavailable` */
  nthAfter(day: number, n: number): number {
    if (n === 0) return day;
    const found = this.#days[this.indexOf(day) + n - 1];
    if (found === undefined) throw this.#unavailable(this.#parts.lastDay + 1);
    return found;
  }

  /** The first business day that is not before a day. @throws {DimmerError} `calendar_unavailable` */
  onOrAfter(day: number): number {
    return this.isBusinessDay(day) ? day : this.nthAfter(day, 1);
  }

  /** What a closed day is called; `undefined` for business days and plain weekends. */
  nameOf(day: number): string | undefined {
    return this.#parts.open.has(day) ? undefined : this.#parts.closed.get(day);
  }

  #indexBefore(day: number): number {
    return day === this.#parts.firstDay ? 0 : this.indexOf(day - 1);
  }

  #unavailable(day: number): DimmerError {
    const { firstDay, lastDay, version } = this.#parts;
    const span = `${isoDateOf(firstDay)} to ${isoDateOf(lastDay)}`;
    const message = `calendar ${this.name} (${version}) has no data for ${isoDateOf(day)}, only for ${span}: nothing is scheduled there. Add the year to the calendar's data, or choose another date.`;
    return new DimmerError("calendar_unavailable", message);
  }
}
