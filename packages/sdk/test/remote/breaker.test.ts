import { describe, expect, it } from "vitest";
import { Breaker } from "../../src/remote/breaker.ts";

function breakerAt(clock: { nowMs: number }): Breaker {
  return new Breaker({ failures: 3, openMs: 500, monotonicMs: () => clock.nowMs });
}

describe("Breaker", () => {
  it("lets calls through until some failed in a row", () => {
    const breaker = breakerAt({ nowMs: 0 });
    expect([breaker.fail(), breaker.fail()]).toEqual([false, false]);
    breaker.succeed();
    expect([breaker.fail(), breaker.fail()]).toEqual([false, false]);
    expect(breaker.admits()).toBe(true);
    expect(breaker.fail()).toBe(true);
    expect(breaker.admits()).toBe(false);
  });

  it("lets one call through after a while, and closes when that one succeeds", () => {
    const clock = { nowMs: 0 };
    const breaker = breakerAt(clock);
    for (let i = 0; i < 3; i++) breaker.fail();
    clock.nowMs = 499;
    expect(breaker.admits()).toBe(false);
    clock.nowMs = 500;
    expect([breaker.admits(), breaker.admits()]).toEqual([true, false]);
    breaker.succeed();
    expect([breaker.admits(), breaker.admits()]).toEqual([true, true]);
  });

  it("stays open for another while when the trial fails", () => {
    const clock = { nowMs: 0 };
    const breaker = breakerAt(clock);
    for (let i = 0; i < 3; i++) breaker.fail();
    clock.nowMs = 600;
    expect(breaker.admits()).toBe(true);
    expect(breaker.fail()).toBe(false);
    expect(breaker.admits()).toBe(false);
    clock.nowMs = 1_100;
    expect(breaker.admits()).toBe(true);
  });
});
