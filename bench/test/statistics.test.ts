import { expect, test } from "vitest";
import { formatSpread, formatToFloor, sayTarget, spreadOf } from "../src/statistics.ts";

test("says that one pass has no spread, instead of one that looks exact", () => {
  expect(formatSpread(spreadOf([52]), 0)).toBe("52 (one pass)");
  expect(formatSpread(spreadOf([50, 52, 60]), 0)).toBe("52 (50–60)");
});

test("calls what is below its floor noise", () => {
  expect(formatToFloor(spreadOf([0.8, 0.9, 1.2]), 2)).toBe("0.90 (0.80–1.20), below its floor: noise");
  expect(formatToFloor(spreadOf([1, 1.1]), 2)).toBe("1.05 (1.00–1.10)");
});

test("says of a target that it was missed", () => {
  expect(sayTarget("≤ 2", true)).toBe("≤ 2");
  expect(sayTarget("≤ 2", false)).toBe("≤ 2: **missed**");
});
