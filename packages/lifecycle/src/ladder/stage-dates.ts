import type { Offset, StageDocument } from "@dimmer/core";
import type { Calendar } from "../calendar/calendar.ts";
import { isoDateOf } from "../calendar/epoch-day.ts";
import type { ZoneDays } from "../calendar/zone-days.ts";
import { durationMsOf, offsetOf } from "../parsed.ts";
import type { Reason } from "../plan.ts";
import { HeldClock } from "./clock.ts";

/** The stage before, as far as it is dated. */
export interface StageBefore {
  readonly stage: StageDocument;
  readonly day: number;
}

/** A business day and its opening. */
export interface Opening {
  readonly day: number;
  readonly atMs: number;
}

/** The dates of one stage by its offsets. Days are numbers since 1970-01-01; `undefined`: held without an end. */
export class StageDates {
  readonly stage: StageDocument;
  readonly calendar: Calendar;
  readonly minLeadMs: number;
  readonly #days: ZoneDays;
  readonly #clock: HeldClock;
  readonly #free: HeldClock;

  constructor(stage: StageDocument, calendar: Calendar, days: ZoneDays, clock: HeldClock) {
    this.stage = stage;
    this.calendar = calendar;
    this.minLeadMs = durationMsOf(stage.min_lead);
    this.#days = days;
    this.#clock = clock;
    this.#free = clock.hasHolds ? new HeldClock(days, []) : clock;
  }

  /** The day of the step by its offset and floor alone: the ladder as the policy draws it. */
  idealDay(anchorDay: number): number {
    return this.#dayBy(this.#free, anchorDay) as number;
  }

  /** The same, days that were held not counted. */
  heldDay(anchorDay: number): number | undefined {
    return this.#dayBy(this.#clock, anchorDay);
  }

  /**
   * When the notice is to go out: at its offset, and as long after the step before as the policy draws it, so that a
   * ladder that runs late keeps its pace.
   */
  noticeMs(
    anchorDay: number,
    before: StageBefore | undefined,
    beforeDates: StageDates | undefined,
  ): number | undefined {
    const held = this.#clock.after(anchorDay, this.#offset("announce"), this.calendar);
    if (held === undefined) return undefined;
    let day = held;
    if (before !== undefined && beforeDates !== undefined) {
      const ideal = this.#idealNoticeDay(anchorDay);
      const beforeIdeal = beforeDates.idealDay(anchorDay);
      const paced =
        ideal >= beforeIdeal && this.stage.after.endsWith("bd")
          ? this.calendar.nthAfter(before.day, this.calendar.indexOf(ideal) - this.calendar.indexOf(beforeIdeal))
          : before.day + ideal - beforeIdeal;
      day = Math.max(day, paced);
    }
    return this.#days.instantOf(day, this.calendar.opensMinute);
  }

  /** The first day that leaves the policy's gap between a notice of a day and the step. */
  dayAfterNotice(noticeDay: number, anchorDay: number): number | undefined {
    const ideal = this.idealDay(anchorDay);
    const notice = this.#idealNoticeDay(anchorDay);
    const isBusiness = this.stage.after.endsWith("bd");
    const n = isBusiness
      ? this.calendar.indexOf(ideal) - this.calendar.indexOf(notice)
      : this.#offset("after").n - this.#offset("announce").n;
    return this.#clock.after(noticeDay, { n: Math.max(0, n), unit: isBusiness ? "bd" : "d" }, this.calendar);
  }

  /** The opening of the first day that is worked on and not held. */
  opening(day: number): Opening | undefined {
    return this.#clock.opening(day, this.calendar);
  }

  /** The first opening that is not before an instant. */
  openingFrom(atMs: number): Opening | undefined {
    return this.#clock.openingFrom(atMs, this.calendar);
  }

  /** Why the day is what it is, as far as offset, floor and held days say. */
  reasons(anchorDay: number): Reason[] {
    const { after, floor, calendar } = this.stage;
    const ideal = this.idealDay(anchorDay);
    const name = calendar ?? this.calendar.name;
    const reasons: Reason[] = [
      { code: "offset", message: `${after} after ${isoDateOf(anchorDay)} by ${name} is ${isoDateOf(ideal)}` },
    ];
    const plain = this.#free.after(anchorDay, this.#offset("after"), this.calendar) as number;
    if (floor !== undefined && plain < anchorDay + this.#offset("floor").n) {
      reasons.push({ code: "floor", message: `not before ${floor} have passed` });
    }
    const held = this.heldDay(anchorDay);
    if (held !== undefined && held > ideal) {
      reasons.push({ code: "held_days", message: `days that were held do not count: ${isoDateOf(held)}` });
    }
    return reasons;
  }

  #dayBy(clock: HeldClock, anchorDay: number): number | undefined {
    const plain = clock.after(anchorDay, this.#offset("after"), this.calendar);
    const floor =
      this.stage.floor === undefined ? anchorDay : clock.after(anchorDay, this.#offset("floor"), this.calendar);
    if (plain === undefined || floor === undefined) return undefined;
    return clock.opening(Math.max(plain, floor), this.calendar)?.day;
  }

  #idealNoticeDay(anchorDay: number): number {
    return this.#free.after(anchorDay, this.#offset("announce"), this.calendar) as number;
  }

  #offset(key: "after" | "announce" | "floor"): Offset {
    return offsetOf(this.stage[key]);
  }
}
