import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coarseS, EXPIRED_S } from "../../src/follow/coarse-seconds.ts";

const instant = fc.oneof(
  fc.integer({ min: Date.parse("1950-01-01"), max: Date.parse("2200-01-01") }),
  fc.constantFrom(0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.MAX_SAFE_INTEGER),
);

describe("coarseS", () => {
  it("D2 · says before only of what lies before: no table outlives its instant by a millisecond", () => {
    fc.assert(
      fc.property(instant, instant, (nowMs, untilMs) => {
        if (coarseS(nowMs) < coarseS(untilMs)) expect(nowMs).toBeLessThan(untilMs);
      }),
    );
  });

  it("lets what is valid for good count today, and what is expired never", () => {
    const today = coarseS(Date.parse("2026-12-01T00:00:00Z"));
    expect(today).toBeLessThan(coarseS(Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(instant, (ms) => {
        expect(coarseS(ms)).toBeGreaterThanOrEqual(EXPIRED_S);
      }),
    );
  });

  it("gives small integers, on runtimes whose small integers have 31 bits too", () => {
    fc.assert(
      fc.property(instant, (ms) => {
        expect(Number.isInteger(coarseS(ms))).toBe(true);
        expect(Math.abs(coarseS(ms))).toBeLessThanOrEqual(2 ** 30);
      }),
    );
  });
});
