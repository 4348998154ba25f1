import { describe, expect, it, onTestFinished, vi } from "vitest";
import { memoryStore, sqliteStore } from "../../src/index.ts";
import { settled } from "../support/fake-clock.ts";
import { scratchPath } from "../support/scratch.ts";
import { event, openWorld } from "../support/world.ts";

const MIB = "x".repeat(1_048_576);

describe("deliveries to one endpoint in one tick", () => {
  it("keep the order of calls where some are stored first and some go at once", async () => {
    const world = openWorld();
    const deliveries = ["1", "2", "3", "4"].map((id, n) => world.gate.deliver(event(id), { durable: n % 2 === 0 }));
    await Promise.all(deliveries);
    await world.clock.advance(1_000);
    expect(world.ids()).toEqual(["1", "2", "3", "4"]);
    // What was asked of the store while it knew nothing of them is not remembered.
    await Promise.all([world.gate.deliver(event("5"), { durable: true }), world.gate.deliver(event("6"))]);
    await world.clock.advance(1_000);
    expect(world.ids()).toEqual(["1", "2", "3", "4", "5", "6"]);
  });

  it("keep it where the mode changes between them, several times", async () => {
    const world = openWorld();
    const deliveries: Promise<unknown>[] = [];
    for (const id of ["1", "2", "3", "4"]) {
      if (id === "2" || id === "4") world.dimmer.allow("acme");
      else world.dimmer.deny("acme");
      deliveries.push(world.gate.deliver(event(id)));
    }
    expect(await Promise.all(deliveries)).toEqual(["held", "queued", "held", "queued"]);
    await world.clock.advance(2_000);
    expect(world.ids()).toEqual(["1", "2", "3", "4"]);
  });

  it("send one id once, stored or not", async () => {
    const world = openWorld();
    expect(await world.gate.deliver(event("1"))).toBe("sent");
    const again = [
      world.gate.deliver(event("2"), { durable: true }),
      world.gate.deliver(event("1"), { durable: true }),
    ];
    expect(await Promise.all(again)).toEqual(["queued", "sent"]);
    await world.clock.advance(1_000);
    expect(world.ids()).toEqual(["1", "2"]);
  });
});

describe("deliveries before verified data is held", () => {
  it("are held and marked for who was suspended when it was last known, stored first or not, and for nobody else", async () => {
    const path = scratchPath("outbox.db");
    const store = sqliteStore(path);
    await store.hold("acme", 1);
    await store.close();
    const world = openWorld({ store: sqliteStore(path) });
    world.dimmer.isReady = false;
    expect(await world.gate.deliver(event("1"), { durable: true })).toBe("held");
    expect(await world.gate.deliver(event("2"))).toBe("held");
    expect(await world.gate.deliver(event("x", "a", "other"), { durable: true })).toBe("queued");
    await world.clock.advance(5_000);
    expect(world.ids()).toEqual([]);
    world.dimmer.isReady = true;
    await world.clock.advance(1_000);
    expect(world.ids()).toHaveLength(3);
    expect(world.arrivals.map(({ id, resync }) => `${id} ${resync}`)).toEqual(
      expect.arrayContaining(["x undefined", "1 replay", "2 replay"]),
    );
  });
});

describe("deliveries to a store that other processes write as well", () => {
  it("look for what waits only where something had to wait for them", async () => {
    const inner = memoryStore();
    const store = { ...inner, dropped: 0, isSole: false };
    const due = vi.spyOn(store, "due");
    const world = openWorld({ store });
    await settled();
    due.mockClear();
    for (let n = 0; n < 20; n++) expect(await world.gate.deliver(event(String(n)))).toBe("sent");
    await settled();
    expect(due).not.toHaveBeenCalled();
    // What is stored by another meanwhile is sent behind the one under way, and not at the next look only.
    let arrive: () => void = () => undefined;
    world.receive = () => new Promise((done) => (arrive = done));
    const first = world.gate.deliver(event("first"));
    await settled();
    await inner.append([{ event: { ...event("behind"), body: "{}" }, nowMs: world.clock.nowMs(), isHeld: false }]);
    await world.clock.advance(500);
    expect(due).toHaveBeenCalledTimes(1);
    world.receive = () => Promise.resolve();
    arrive();
    expect(await first).toBe("sent");
    await settled();
    expect(world.ids().slice(-2)).toEqual(["first", "behind"]);
  });
});

describe("F7 · memory", () => {
  it("holds bodies of one transaction up to 8 MiB, whatever comes in one tick", async () => {
    const store = memoryStore();
    const append = vi.spyOn(store, "append");
    const world = openWorld({ store });
    world.dimmer.deny("acme");
    await Promise.all(Array.from({ length: 20 }, (_, n) => world.gate.deliver({ ...event(String(n)), body: MIB })));
    expect(append.mock.calls.map(([entries]) => entries.length)).toEqual([8, 8, 4]);
  });

  it("holds 256 MiB of bodies that are being delivered; past it deliveries are refused, until some are done", async () => {
    const store = memoryStore();
    const world = openWorld({ store });
    world.dimmer.deny("acme");
    const append = vi.spyOn(store, "append").mockImplementation((entries) => Promise.resolve(entries.map(() => "new")));
    onTestFinished(() => append.mockRestore());
    const deliveries = Array.from({ length: 257 }, (_, n) => world.gate.deliver({ ...event(String(n)), body: MIB }));
    const outcomes = await Promise.allSettled(deliveries);
    expect(outcomes.slice(0, 256).every(({ status }) => status === "fulfilled")).toBe(true);
    expect(outcomes[256]).toMatchObject({ status: "rejected", reason: { code: "disk_failed", retryable: true } });
    expect(await world.gate.deliver({ ...event("257"), body: MIB })).toBe("held");
  });

  it("holds 65,536 deliveries, however small, while the store does not answer", async () => {
    const store = memoryStore();
    const stuck = Promise.withResolvers<void>();
    const append = vi.spyOn(store, "append").mockImplementation(async (entries) => {
      await stuck.promise;
      return entries.map(() => "new");
    });
    const world = openWorld({ store });
    const deliveries = Array.from({ length: 65_537 }, (_, n) =>
      world.gate.deliver(event(String(n)), { durable: true }),
    );
    await expect(deliveries.pop()).rejects.toMatchObject({ code: "disk_failed", retryable: true });
    stuck.resolve();
    expect(new Set(await Promise.all(deliveries))).toEqual(new Set(["queued"]));
    expect(await world.gate.deliver(event("x"), { durable: true })).toBe("queued");
    append.mockRestore();
  });

  it("reads the body of what waits once there is room to send it", async () => {
    const store = memoryStore();
    const world = openWorld({ store, maxConcurrent: 2 });
    world.dimmer.deny("acme");
    for (let n = 0; n < 10; n++) await world.gate.deliver(event("1", `e${n}`));
    const next = vi.spyOn(store, "next");
    world.receive = () => new Promise(() => undefined);
    world.dimmer.allow("acme");
    await world.clock.advance(5_000);
    expect(next).toHaveBeenCalledTimes(2);
  });
});
