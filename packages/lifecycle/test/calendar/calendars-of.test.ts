import { DimmerError, type PolicyDocument, standardPolicy } from "@dimmer/core";
import { type Calendar, calendarsOf, planCase } from "@dimmer/lifecycle";
import { describe, expect, it } from "vitest";
import { calendars, invoice, noon } from "../drive.ts";

function day(date: string): number {
  return Temporal.PlainDate.from("1970-01-01").until(Temporal.PlainDate.from(date), { largestUnit: "days" }).days;
}

function named(name: string, closed: readonly string[] = [], open: readonly string[] = []): Calendar {
  const documents = {
    own: { base: name as "jp-bank", opens: "09:00", closes: "17:00", closed, open, years: [2026, 2027] as const },
  };
  return calendarsOf({ ...standardPolicy, calendars: documents }).get("own") as Calendar;
}

describe("a calendar", () => {
  it("closes banks from 12/31 to 1/3, offices from 12/29, and neither where only holidays count", () => {
    const closed = (name: string): string[] =>
      Array.from({ length: 8 }, (_, index) => day("2026-12-28") + index)
        .filter((number) => !named(name).isBusinessDay(number))
        .map((number) => Temporal.PlainDate.from("1970-01-01").add({ days: number }).toString().slice(5));
    expect(closed("jp-bank")).toEqual(["12-31", "01-01", "01-02", "01-03"]);
    expect(closed("jp-government")).toEqual(["12-29", "12-30", "12-31", "01-01", "01-02", "01-03"]);
    expect(closed("jp-national")).toEqual(["01-01", "01-02", "01-03"]);
    expect(closed("weekdays")).toEqual(["01-02", "01-03"]);
  });

  it("counts as a walk over the days does", () => {
    const calendar = named("jp-bank");
    const start = day("2026-04-01");
    let n = 0;
    for (let number = start + 1; number < start + 500; number++) {
      if (!calendar.isBusinessDay(number)) continue;
      n += 1;
      expect(calendar.nthAfter(start, n)).toBe(number);
      expect(calendar.indexOf(number) - calendar.indexOf(start)).toBe(n);
    }
    expect(n).toBeGreaterThan(300);
  });

  it("takes company days off and working Saturdays, and says so in its version", () => {
    const calendar = named("jp-bank", ["2026-12-30"], ["2026-12-26"]);
    expect(calendar.isBusinessDay(day("2026-12-30"))).toBe(false);
    expect(calendar.isBusinessDay(day("2026-12-26"))).toBe(true);
    expect(calendar.version).toMatch(/^jp\/2026\.1\+[0-9a-f]{8}$/);
    expect(calendar.version).not.toBe(named("jp-bank", ["2026-12-29"], ["2026-12-26"]).version);
    expect(calendar.version).toBe(named("jp-bank", ["2026-12-30"], ["2026-12-26"]).version);
  });

  it("refuses a year that it has no data for, and says which it has", () => {
    expect(() => named("jp-bank").nthAfter(day("2050-12-28"), 7)).toThrow(/2016-01-01 to 2050-12-31/);
    expect(() => named("weekdays").isBusinessDay(day("2028-01-04"))).toThrow(DimmerError);
    const plan = (date: string): unknown =>
      planCase(
        { case: "c", track: "nonpayment", tenant: { id: "t" }, facts: [invoice("inv_1", date)] },
        standardPolicy,
        calendars,
        noon("2050-12-20"),
      );
    expect(() => plan("2050-12-28")).toThrow(expect.objectContaining({ code: "calendar_unavailable" }));
  });

  it("refuses another version than the one that a case has pinned", () => {
    expect(calendarsOf(standardPolicy, { pinned: { "jp-bank": "jp/2026.1" } }).size).toBe(2);
    expect(() => calendarsOf(standardPolicy, { pinned: { "jp-bank": "jp/2025.2" } })).toThrow(/jp\/2025\.2/);
  });

  it("is a caller's mistake where another policy's calendars are passed", () => {
    const other: PolicyDocument = { ...standardPolicy, calendars: {} };
    const given = { case: "c", track: "nonpayment", tenant: { id: "t" }, facts: [invoice("i", "2026-12-25")] } as const;
    expect(() => planCase(given, standardPolicy, calendarsOf(other), noon("2026-12-25"))).toThrow(TypeError);
  });
});
