import { describe, expect, it, onTestFinished, vi } from "vitest";
import { steadyClock } from "../src/index.ts";

describe("the clock of a gate", () => {
  it("waits as long as it is told, also longer than a timer of the machine can", () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const run = vi.fn();
    steadyClock().after(2 ** 31 + 5, run);
    vi.advanceTimersByTime(2 ** 31);
    expect(run).not.toHaveBeenCalled();
    vi.advanceTimersByTime(5);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it("is called off in any part of a long wait", () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const run = vi.fn();
    const callOff = steadyClock().after(2 ** 33, run);
    vi.advanceTimersByTime(2 ** 32);
    callOff();
    vi.advanceTimersByTime(2 ** 33);
    expect(run).not.toHaveBeenCalled();
  });
});
