import { expect, it } from "vitest";
import { seededRandom, seedOf } from "./random.ts";

it("gives the same numbers for the same seed, and others for another", () => {
  const draw = (seed: number): number[] => {
    const random = seededRandom(seed);
    return Array.from({ length: 50 }, () => random.next());
  };
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(seedOf(7, "a")).not.toBe(seedOf(7, "b"));
});

it("stays within what was asked, both ends included", () => {
  const random = seededRandom(3);
  const seen = new Set(Array.from({ length: 500 }, () => random.int(2, 4)));
  expect([...seen].sort((a, b) => a - b)).toEqual([2, 3, 4]);
  expect(new Set(Array.from({ length: 100 }, () => random.pick(["a", "b"])))).toEqual(new Set(["a", "b"]));
  expect(() => random.pick([])).toThrow(/is empty/);
});
