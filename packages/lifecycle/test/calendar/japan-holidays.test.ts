import { createRequire } from "node:module";
import { JAPAN_YEARS, japanHolidayDates } from "@dimmer/lifecycle";
import { describe, expect, it } from "vitest";

const require = createRequire(import.meta.url);
/** Its `isHoliday` reads the zone of the host, so the table is read by its keys. */
const { holidays } = require("@holiday-jp/holiday_jp") as { holidays: Readonly<Record<string, unknown>> };
const DateHolidays = require("date-holidays") as new (
  country: string,
  options: object,
) => { getHolidays(year: number): { date: string; type: string }[] };
const dateHolidays = new DateHolidays("JP", { timezone: "UTC" });

const [first, last] = JAPAN_YEARS;
const years = Array.from({ length: last - first + 1 }, (_, index) => first + index);

/**
 * Where the second library differs, and why we do not follow it: it has no 国民の休日 between Respect for the Aged Day and
 * the equinox in years in which both fall on fixed week days that it computes apart (Act, article 3, paragraph 3).
 */
const MISSED_BY_DATE_HOLIDAYS: Readonly<Record<number, readonly string[]>> = {
  2032: ["2032-09-21"],
  2049: ["2049-09-21"],
};

function own(year: number): string[] {
  return japanHolidayDates(year).map(({ date }) => date);
}

describe("the holidays of Japan", () => {
  it.each(years)("are in %i those of holiday_jp", (year) => {
    const theirs = Object.keys(holidays).filter((date) => date.startsWith(`${year}-`));
    expect(own(year)).toEqual(theirs.toSorted());
  });

  it.each(years)("are in %i those of date-holidays, but for what it misses", (year) => {
    const theirs = dateHolidays
      .getHolidays(year)
      .filter(({ type }) => type === "public")
      .map(({ date }) => date.slice(0, 10));
    const missed = MISSED_BY_DATE_HOLIDAYS[year] ?? [];
    expect(own(year)).toEqual([...new Set([...theirs, ...missed])].toSorted());
    for (const date of missed) expect(theirs).not.toContain(date);
  });

  it.each([
    ["2019-04-30", "国民の休日"],
    ["2019-05-01", "天皇の即位の日"],
    ["2019-05-02", "国民の休日"],
    ["2019-05-06", "こどもの日 振替休日"],
    ["2019-10-22", "即位礼正殿の儀"],
    ["2020-07-23", "海の日"],
    ["2020-07-24", "スポーツの日"],
    ["2020-08-10", "山の日"],
    ["2021-07-22", "海の日"],
    ["2021-08-09", "山の日 振替休日"],
    ["2020-05-06", "憲法記念日 振替休日"],
    ["2026-09-22", "国民の休日"],
  ])("have on %s: %s", (date, name) => {
    const found = japanHolidayDates(Number(date.slice(0, 4))).find((holiday) => holiday.date === date);
    expect(found?.nameJa).toBe(name);
  });

  it("have no Emperor's Birthday in 2019, nor the days that the Olympic years moved", () => {
    expect(own(2019)).not.toContain("2019-12-23");
    expect(own(2019)).not.toContain("2019-02-23");
    for (const date of ["2020-07-20", "2020-08-11", "2020-10-12", "2021-07-19", "2021-08-11", "2021-10-11"]) {
      expect(own(Number(date.slice(0, 4)))).not.toContain(date);
    }
  });
});
