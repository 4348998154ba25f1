import { describe, expect, it } from "vitest";
import { Breaker } from "../../src/remote/breaker.ts";

/** A breaker that opens after three failures over 20 ms, and the clock that it goes by. */
function stopped(): { breaker: Breaker; clock: { nowMs: number }; failAt: (nowMs: number) => boolean } {
  const clock = { nowMs: 0 };
  const breaker = new Breaker({ failures: 3, spanMs: 20, openMs: 100, monotonicMs: () => clock.nowMs });
  const failAt = (nowMs: number): boolean => {
    clock.nowMs = nowMs;
    return breaker.fail();
  };
  return { breaker, clock, failAt };
}

describe("Breaker", () => {
  it("lets calls through until some failed in a row", () => {
    const { breaker, failAt } = stopped();
    expect([failAt(0), failAt(10)]).toEqual([false, false]);
    breaker.succeed();
    expect([failAt(20), failAt(30)]).toEqual([false, false]);
    expect(breaker.admits()).toBe(true);
    expect(failAt(40)).toBe(true);
    expect([breaker.admits(), breaker.isOpen]).toEqual([false, true]);
  });

  it("stays closed when many fail within one short standstill", () => {
    const { breaker, failAt } = stopped();
    for (let i = 0; i < 1_000; i++) expect(failAt(i % 20)).toBe(false);
    expect(breaker.admits()).toBe(true);
  });

  it("lets one call through after a while, and closes when that one succeeds", () => {
    const { breaker, clock, failAt } = stopped();
    for (const nowMs of [0, 10, 20]) failAt(nowMs);
    clock.nowMs = 119;
    expect(breaker.admits()).toBe(false);
    clock.nowMs = 120;
    expect([breaker.admits(), breaker.admits()]).toEqual([true, false]);
    breaker.succeed();
    expect([breaker.admits(), breaker.admits(), breaker.isOpen]).toEqual([true, true, false]);
  });

  it("stays open for another while when the trial fails", () => {
    const { breaker, clock, failAt } = stopped();
    for (const nowMs of [0, 10, 20]) failAt(nowMs);
    clock.nowMs = 130;
    expect(breaker.admits()).toBe(true);
    expect(failAt(140)).toBe(false);
    expect(breaker.admits()).toBe(false);
    clock.nowMs = 240;
    expect(breaker.admits()).toBe(true);
  });
});
