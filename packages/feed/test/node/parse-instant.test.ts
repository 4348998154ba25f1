import { parseInstantSeconds } from "@dimmer/feed/node";
import { describe, expect, it } from "vitest";

const NOW_MS = 1_795_305_600_999;

describe("parseInstantSeconds", () => {
  it.each([
    ["2026-12-09T09:00:00+09:00", 1_796_774_400],
    ["2026-12-09T00:00:00Z", 1_796_774_400],
    ["2026-12-09t00:00z", 1_796_774_400],
    ["2026-12-08T18:30:00.000-05:30", 1_796_774_400],
    [1_796_774_400, 1_796_774_400],
    [0, 0],
    ["now", 1_795_305_600],
    ["now+2m", 1_795_305_720],
    ["now-30d", 1_795_305_600 - 30 * 86_400],
    ["now+90s", 1_795_305_690],
    ["2024-02-29T00:00:00Z", 1_709_164_800],
  ])("reads %j as %i", (value, seconds) => {
    expect(parseInstantSeconds(value, NOW_MS)).toBe(seconds);
  });

  it.each([
    ["2026-12-09T09:00:00", /has no zone.*add "Z" or "\+09:00"/],
    ["2026-12-09", /is a day and no instant/],
    ["2026-02-30T00:00:00Z", /on no calendar/],
    ["2026-13-01T00:00:00Z", /on no calendar/],
    ["2026-12-09T24:00:00Z", /on no calendar/],
    ["2026-12-09T23:59:60Z", /on no calendar/],
    ["2026-12-09T00:00:00+15:00", /on no calendar/],
    ["2026-12-09T00:00:00.5Z", /is not a whole second/],
    [1.5, /is not a whole second/],
    [Number.NaN, /is not a whole second/],
    ["0001-01-01T00:00:00Z", /outside the years 1970 to 2199/],
    ["9999-12-31T23:59:59Z", /outside the years 1970 to 2199/],
    [-1, /outside the years/],
    [1_796_774_400_000, /looks like milliseconds: divide by 1000/],
    [1e300, /outside the years/],
    ["now+999999d", /outside the years/],
    ["1796774400", /number in quotes/],
    ["now + 2m", /is not an instant; write an ISO 8601 instant/],
    ["now+2w", /is not an instant/],
    ["tomorrow", /is not an instant/],
    ["", /is not an instant/],
    [null, /is not an instant/],
    [true, /is not an instant/],
    [{}, /is not an instant/],
    ["x".repeat(10_000), /^"x{59}… is not an instant/],
  ])("refuses %j", (value, message) => {
    expect(() => parseInstantSeconds(value, NOW_MS)).toThrow(message);
    expect(() => parseInstantSeconds(value, NOW_MS)).toThrow(expect.objectContaining({ code: "input_invalid" }));
  });
});
