import { isoInstant } from "@dimmer/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("isoInstant", () => {
  it.each([
    ["2026-12-09T00:00:00Z", "Asia/Tokyo", "2026-12-09T09:00:00+09:00"],
    ["2026-12-09T15:00:00Z", "Asia/Tokyo", "2026-12-10T00:00:00+09:00"],
    ["2026-12-09T00:00:00Z", "UTC", "2026-12-09T00:00:00+00:00"],
    ["2026-07-01T00:00:00Z", "Europe/London", "2026-07-01T01:00:00+01:00"],
    ["2026-12-01T00:00:00Z", "Europe/London", "2026-12-01T00:00:00+00:00"],
    ["2026-12-01T00:00:00Z", "America/New_York", "2026-11-30T19:00:00-05:00"],
    ["2026-12-01T00:00:00Z", "Asia/Kathmandu", "2026-12-01T05:45:00+05:45"],
    ["1970-01-01T00:00:00Z", "Asia/Tokyo", "1970-01-01T09:00:00+09:00"],
  ])("writes %s in %s as %s", (instant, zone, expected) => {
    expect(isoInstant(Date.parse(instant), zone)).toBe(expected);
  });

  it("leaves out what is less than a second", () => {
    expect(isoInstant(999, "UTC")).toBe("1970-01-01T00:00:00+00:00");
  });

  it.each([Number.NaN, -1, Number.NEGATIVE_INFINITY])("shows %d as the beginning of 1970", (atMs) => {
    expect(isoInstant(atMs, "UTC")).toBe("1970-01-01T00:00:00+00:00");
  });

  it("shows what lies beyond four digits of a year as the last day of 9999", () => {
    expect(isoInstant(Number.POSITIVE_INFINITY, "Asia/Tokyo")).toBe("9999-12-31T09:00:00+09:00");
  });

  it("is read again as the same second, whatever the zone", () => {
    const zones = fc.constantFrom("Asia/Tokyo", "UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati");
    const seconds = fc.integer({ min: 365 * 86_400 * 5, max: 4_000_000_000 });
    fc.assert(
      fc.property(seconds, zones, (second, zone) => {
        expect(Date.parse(isoInstant(second * 1_000, zone))).toBe(second * 1_000);
      }),
    );
  });
});
