import { describe, expect, test } from "vitest";
import { grows, type Sample, slopeOf } from "../../src/soak/slope.ts";

/** Noise that is the same each time. */
const noise = (i: number): number => Math.sin(i * 12.9898) * 3;

const life = (samples: number, valueAt: (s: number) => number, fromS = 0): Sample[] =>
  Array.from({ length: samples }, (_, i) => [fromS + i, valueAt(fromS + i) + noise(i)]);

describe("slopeOf", () => {
  test("finds what grows by 36 MB an hour under noise, and says so", () => {
    const slope = slopeOf([life(3_600, (s) => 100 + s / 100)]);
    expect(slope.perHour).toBeGreaterThan(35);
    expect(slope.perHour).toBeLessThan(37);
    expect(grows(slope)).toBe(true);
  });

  test("does not call growth what only a new process is", () => {
    const slope = slopeOf([life(300, () => 100), life(300, () => 150, 300), life(300, () => 200, 600)]);
    expect(Math.abs(slope.perHour)).toBeLessThan(slope.within);
    expect(grows(slope)).toBe(false);
  });

  test("knows nothing of lives that are too short", () => {
    expect(slopeOf([life(5, (s) => s)])).toMatchObject({ within: Number.POSITIVE_INFINITY, samples: 0 });
  });

  test("is less sure where one sample is like the next", () => {
    const walk = Array.from({ length: 600 }, (_, i): Sample => [i, 100 + Math.sin(i / 60) * 5]);
    const jumps = Array.from({ length: 600 }, (_, i): Sample => [i, 100 + Math.sin(i * 12.9898) * 5]);
    expect(slopeOf([walk]).within).toBeGreaterThan(3 * slopeOf([jumps]).within);
  });
});
