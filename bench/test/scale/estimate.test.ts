import { expect, test } from "vitest";
import { estimateOf, type Measured } from "../../src/scale/estimate.ts";
import { growthOf, saySlope } from "../../src/scale/growth.ts";

const MEASURED: Measured = {
  tenants: [100_000, 1_000_000],
  feedBytes: [5e6, 50e6],
  readyMb: [136, 280],
  fromFeedMs: [400, 4_000],
  streamUs: 13,
  signMs: 0.1,
  verifyMs: 0.3,
};

test("continues measured figures as straight lines, and multiplies them out", () => {
  const table = estimateOf(MEASURED);
  expect(table).toContain("500 MB, 16,384 buckets of 610 tenants");
  // 136 MB and 0.16 KB a tenant: 1,720 MB, ten thousand times, at 3 dollars a GB.
  expect(table).toContain("1.7 GB; ready in 40 s | **16.8 TB for all: USD 50,000**");
  expect(table).toContain("0.27 GB; ready in 4 s");
  expect(table).toContain("1.2 deltas a second to 10,000 streams at 13.0 µs each: 15 % of a core");
});

test("says what was not measured instead of working with it", () => {
  expect(estimateOf({ ...MEASURED, streamUs: Number.NaN })).not.toContain("NaN");
});

test("tells a flat figure from one that grows with what it is drawn over", () => {
  expect(
    growthOf([
      [10, 5],
      [100, 7],
      [1_000, 7],
    ]),
  ).toBe(0);
  expect(
    growthOf([
      [10, 1],
      [100, 1],
      [1_000, 10],
    ]),
  ).toBeCloseTo(1);
  expect(growthOf([[10, 1]])).toBeNaN();
  expect(saySlope(growthOf([[10, 1]]))).toBe("–");
  const fromNothing = growthOf([
    [10, 0],
    [100, 0],
  ]);
  expect(saySlope(fromNothing)).toBe("–");
});
