import { describe, expect, it } from "vitest";
import { event, openWorld } from "../support/world.ts";

describe("an operator's pause", () => {
  it("of a tenant holds for endpoints that it gets later, until it is let go on", async () => {
    const world = openWorld();
    expect(await world.gate.pause({ tenant: "acme" })).toBe(0);
    expect(await world.gate.deliver(event("1"))).toBe("queued");
    expect(await world.gate.deliver(event("2"), { durable: true })).toBe("queued");
    expect(await world.gate.deliver(event("x", "a", "other"))).toBe("sent");
    await world.clock.advance(10_000);
    expect(world.ids()).toEqual(["x"]);
    expect(await world.gate.status("acme")).toMatchObject({ isPaused: true, lanes: [{ paused: "operator" }] });
    expect(await world.gate.resume({ tenant: "acme" })).toBe(1);
    await world.clock.advance(1_000);
    expect(world.ids()).toEqual(["x", "1", "2"]);
    expect(await world.gate.deliver(event("3", "b"))).toBe("sent");
  });

  it("of a tenant stays for its other endpoints where one is let go on", async () => {
    const world = openWorld();
    await world.gate.pause({ tenant: "acme" });
    for (const endpoint of ["a", "b"]) await world.gate.deliver(event("1", endpoint));
    await world.gate.resume({ tenant: "acme", endpoint: "a" });
    await world.clock.advance(1_000);
    expect(world.arrivals.map(({ endpoint }) => endpoint)).toEqual(["a"]);
  });
});
