import { describe, expect, it, vi } from "vitest";
import type { GateOptions } from "../../src/index.ts";
import { openWorld } from "../support/world.ts";

type Asked = Parameters<NonNullable<GateOptions["onResync"]>>[0];

/** Calls of `onResync`, which end when the test ends them. */
function pulling(): {
  readonly asked: (Asked & { readonly done: () => void })[];
  readonly onResync: (asked: Asked) => Promise<void>;
} {
  const asked: (Asked & { readonly done: () => void })[] = [];
  return { asked, onResync: (one) => new Promise((done) => void asked.push({ ...one, done })) };
}

describe("integrations that must be pulled again", () => {
  it("are asked for again where a pull does not end, and the one that hangs is told to", async () => {
    const { asked, onResync } = pulling();
    const world = openWorld({ onResync, resyncTimeoutMs: 60_000 });
    const sinceMs = world.clock.nowMs();
    world.dimmer.deny("acme");
    await world.clock.advance(1_000);
    world.dimmer.allow("acme");
    await world.clock.advance(59_000);
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([false]);
    await world.clock.advance(10_000);
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    expect(asked.map((one) => one.sinceMs)).toEqual([sinceMs, sinceMs]);
    asked[1]?.done();
    await world.clock.advance(1_000);
    expect((await world.gate.status("acme")).suspendedSinceMs).toBeUndefined();
    expect(world.gate.counters).toMatchObject({ resyncs: 1, resyncFailures: 1 });
  });

  it("are asked for with the whole time where the tenant is suspended again during a pull", async () => {
    const { asked, onResync } = pulling();
    const world = openWorld({ onResync });
    const sinceMs = world.clock.nowMs();
    world.dimmer.deny("acme");
    await world.clock.advance(1_000);
    world.dimmer.allow("acme");
    await world.clock.advance(1_000);
    world.dimmer.deny("acme");
    await world.clock.advance(10_000);
    world.dimmer.allow("acme");
    await world.clock.advance(1_000);
    // The first ends only now: it knows nothing of the second time.
    asked[0]?.done();
    await world.clock.advance(1_000);
    expect(asked.map((one) => [one.sinceMs - sinceMs, one.signal.aborted])).toEqual([
      [0, true],
      [0, false],
    ]);
    expect((asked[1]?.untilMs ?? 0) - sinceMs).toBeGreaterThanOrEqual(12_000);
    expect((await world.gate.status("acme")).suspendedSinceMs).toBe(sinceMs);
    asked[1]?.done();
    await world.clock.advance(1_000);
    expect((await world.gate.status("acme")).suspendedSinceMs).toBeUndefined();
  });

  it("are asked for again where the tenant is suspended for an instant during a pull", async () => {
    const { asked, onResync } = pulling();
    const world = openWorld({ onResync });
    world.dimmer.deny("acme");
    await world.clock.advance(1_000);
    world.dimmer.allow("acme");
    await world.clock.advance(1_000);
    world.dimmer.deny("acme");
    world.dimmer.allow("acme");
    await world.clock.advance(1_000);
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([true, false]);
  });

  it("are asked for though the store did not take note of the suspension at once", async () => {
    const onResync = vi.fn().mockResolvedValue(undefined);
    const world = openWorld({ onResync });
    vi.spyOn(world.store, "hold").mockRejectedValueOnce(new Error("no answer"));
    world.dimmer.deny("acme");
    await world.clock.advance(2_000);
    world.dimmer.allow("acme");
    await world.clock.advance(2_000);
    expect(onResync).toHaveBeenCalledTimes(1);
  });

  it("are asked for by 16 tenants at once, and by the next when one is done or may no longer receive", async () => {
    const { asked, onResync } = pulling();
    const world = openWorld({ onResync, resyncTimeoutMs: 60_000 });
    const tenants = Array.from({ length: 20 }, (_, n) => `t${n}`);
    for (const tenant of tenants) world.dimmer.deny(tenant);
    await world.clock.advance(1_000);
    for (const tenant of tenants) world.dimmer.allow(tenant);
    await world.clock.advance(50_000);
    expect(asked).toHaveLength(16);
    // One of those that wait is denied: it takes nobody's place, and its time has not begun.
    const waiting = tenants.find((tenant) => !asked.some((one) => one.tenant === tenant)) ?? "";
    world.dimmer.deny(waiting);
    asked[0]?.done();
    world.dimmer.deny(asked[1]?.tenant ?? "");
    await world.clock.advance(1_000);
    expect(asked).toHaveLength(18);
    expect(asked.map((one) => one.tenant)).not.toContain(waiting);
    await world.clock.advance(9_500);
    expect(asked.slice(0, 16).filter(({ signal }) => signal.aborted)).toHaveLength(15);
    expect(asked.slice(16).filter(({ signal }) => signal.aborted)).toHaveLength(0);
  });

  it("are asked for after the next start where the gate closes during a pull", async () => {
    const { asked, onResync } = pulling();
    const world = openWorld({ onResync });
    world.dimmer.deny("acme");
    await world.clock.advance(1_000);
    world.dimmer.allow("acme");
    await world.clock.advance(1_000);
    await world.gate.close(0);
    expect(asked.map(({ signal }) => signal.aborted)).toEqual([true]);
    expect(await world.store.suspensions()).toMatchObject([{ tenant: "acme" }]);
  });
});
