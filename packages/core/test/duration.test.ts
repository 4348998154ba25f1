import { parseDurationMs } from "@dimmer/core";
import { describe, expect, it } from "vitest";

describe("parseDurationMs", () => {
  it.each([
    ["250ms", 250],
    ["0s", 0],
    ["60s", 60_000],
    ["5m", 300_000],
    ["24h", 86_400_000],
    ["30d", 2_592_000_000],
    ["999999d", 86_399_913_600_000],
  ])("reads %s as %d ms", (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected);
  });

  it.each(["", "24", "h", "24 h", "24H", "-1h", "1.5h", "1h30m", "1000000d", "1w", "1h\n", "٣h"])(
    "refuses %j",
    (text) => {
      expect(parseDurationMs(text)).toBeUndefined();
    },
  );
});
