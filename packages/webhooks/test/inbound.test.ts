import { describe, expect, it, vi } from "vitest";
import { receiveInbound } from "../src/index.ts";
import { event, openWorld } from "./support/world.ts";

describe("a call that comes in", () => {
  it("is taken while the tenant is suspended, and handled when it may again", async () => {
    const world = openWorld({ capability: "integration" });
    world.dimmer.deny("acme");
    expect(await receiveInbound(world.gate, event("1", "payments"))).toEqual({ status: 202, headers: {} });
    await world.clock.advance(1_000);
    expect(world.ids()).toEqual([]);
    world.dimmer.allow("acme");
    await world.clock.advance(500);
    expect(world.arrivals).toMatchObject([{ id: "1", endpoint: "payments" }]);
  });

  it("is told to come back where that is wanted, or where it cannot be kept; never that the door is gone", async () => {
    const world = openWorld();
    world.dimmer.deny("acme");
    const refused = await receiveInbound(world.gate, event("1"), { whileDenied: "refuse", retryAfterSeconds: 60 });
    expect(refused).toEqual({ status: 503, headers: { "retry-after": "60" } });
    const { DimmerError } = await import("@dimmer/core");
    vi.spyOn(world.store, "append").mockRejectedValue(new DimmerError("disk_failed", "full", { retryable: true }));
    expect(await receiveInbound(world.gate, event("1"))).toEqual({ status: 503, headers: { "retry-after": "30" } });
  });

  it("is refused for good only where it can never be taken", async () => {
    const world = openWorld({ maxEventBytes: 100 });
    expect(await receiveInbound(world.gate, { ...event("1"), body: "x".repeat(101) })).toMatchObject({ status: 413 });
    expect(await receiveInbound(world.gate, { ...event("1"), id: "a.b" })).toMatchObject({ status: 400 });
  });
});
