import { expect, it } from "vitest";
import { retryAfterMsOf } from "../../src/node/retry-after.ts";

it("reads seconds and dates, and nothing else", () => {
  const nowMs = Date.parse("2026-11-22T00:00:00Z");
  expect(retryAfterMsOf("120", nowMs)).toBe(120_000);
  expect(retryAfterMsOf("Sun, 22 Nov 2026 00:00:30 GMT", nowMs)).toBe(30_000);
  expect(retryAfterMsOf("Sat, 21 Nov 2026 00:00:30 GMT", nowMs)).toBe(0);
  for (const header of [undefined, "", "soon", "-5", ["1", "2"]]) expect(retryAfterMsOf(header, nowMs)).toBeUndefined();
});
