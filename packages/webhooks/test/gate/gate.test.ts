import { describe, expect, it, vi } from "vitest";
import { createGate, memoryStore, SendFailure, sqliteStore } from "../../src/index.ts";
import { settled } from "../support/fake-clock.ts";
import { scratchPath } from "../support/scratch.ts";
import { event, openWorld } from "../support/world.ts";

const HOUR_MS = 3_600_000;

describe("a gate", () => {
  it("sends at once what may be sent, and stores nothing", async () => {
    const world = openWorld();
    expect(await world.gate.deliver(event("1"))).toBe("sent");
    expect(world.arrivals).toEqual([{ endpoint: "a", id: "1", body: '{"n":"1"}', resync: undefined, attempt: 1 }]);
    expect(await world.gate.status("acme")).toMatchObject({ isAllowed: true, lanes: [] });
  });

  it("holds while the tenant may not receive, and replays in order, marked, when it may", async () => {
    const world = openWorld();
    world.dimmer.deny("acme");
    for (const id of ["1", "2", "3"]) expect(await world.gate.deliver(event(id))).toBe("held");
    await world.clock.advance(HOUR_MS);
    expect(world.arrivals).toEqual([]);
    expect(await world.gate.status("acme")).toMatchObject({ isAllowed: false, lanes: [{ waiting: 3 }] });
    world.dimmer.allow("acme");
    await world.clock.advance(1_000);
    expect(world.arrivals.map(({ id, resync }) => [id, resync])).toEqual([
      ["1", "replay"],
      ["2", "replay"],
      ["3", "replay"],
    ]);
    expect(await world.gate.deliver(event("4"))).toBe("sent");
    expect(world.arrivals.at(-1)?.resync).toBeUndefined();
    expect(world.gate.counters).toMatchObject({ held: 3, sent: 4, replayed: 3 });
  });

  it("lets new events queue behind the replay of their endpoint, and others pass", async () => {
    const world = openWorld({ replayPerSecond: 1 });
    world.dimmer.deny("acme");
    for (const id of ["1", "2", "3"]) await world.gate.deliver(event(id));
    world.dimmer.allow("acme");
    await world.clock.advance(0);
    expect(await world.gate.deliver(event("4"))).toBe("queued");
    expect(await world.gate.deliver(event("b1", "b"))).toBe("sent");
    await world.clock.advance(4_000);
    expect(world.ids()).toEqual(["1", "b1", "2", "3", "4"]);
    expect(world.arrivals.at(-1)?.resync).toBeUndefined();
  });

  it("paces a replay", async () => {
    const world = openWorld({ replayPerSecond: 2 });
    world.dimmer.deny("acme");
    for (let n = 0; n < 10; n++) await world.gate.deliver(event(String(n)));
    world.dimmer.allow("acme");
    await world.clock.advance(2_100);
    expect(world.arrivals.length).toBeGreaterThanOrEqual(4);
    expect(world.arrivals.length).toBeLessThanOrEqual(5);
    await world.clock.advance(3_000);
    expect(world.arrivals).toHaveLength(10);
  });

  it("finds out within a look where no change of mode was told", async () => {
    const world = openWorld();
    world.dimmer.denied.add("acme");
    await world.gate.deliver(event("1"));
    world.dimmer.denied.delete("acme");
    await world.clock.advance(500);
    expect(world.ids()).toEqual(["1"]);
  });

  it("resyncs what was held before a restart, and asks nothing of whoever was told meanwhile", async () => {
    const path = scratchPath("outbox.db");
    const store = sqliteStore(path);
    const before = openWorld({ store });
    before.dimmer.deny("acme");
    await before.gate.deliver(event("1"));
    await before.gate.close(0);
    await store.close();
    const after = openWorld({ store: sqliteStore(path) });
    await after.clock.advance(500);
    expect(after.arrivals).toMatchObject([{ id: "1", resync: "replay" }]);
  });

  it("sends nothing that waits before verified data is held, and keeps who was suspended so", async () => {
    const path = scratchPath("outbox.db");
    const store = sqliteStore(path);
    const before = openWorld({ store });
    before.dimmer.deny("acme");
    await before.gate.deliver(event("1"));
    await before.gate.close(0);
    await store.close();
    const after = openWorld({ store: sqliteStore(path) });
    after.dimmer.isReady = false;
    expect(await after.gate.deliver(event("2"))).toBe("held");
    expect(await after.gate.deliver(event("x", "a", "other"))).toBe("sent");
    await after.clock.advance(5_000);
    expect(after.ids()).toEqual(["x"]);
    after.dimmer.isReady = true;
    await after.clock.advance(500);
    expect(after.arrivals.map(({ id, resync }) => [id, resync])).toEqual([
      ["x", undefined],
      ["1", "replay"],
      ["2", "replay"],
    ]);
  });

  it("ends within a second what is under way when the tenant may no longer receive, and holds it", async () => {
    const world = openWorld();
    const signals: AbortSignal[] = [];
    world.receive = (_event, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    };
    const delivery = world.gate.deliver(event("1"));
    await settled();
    world.dimmer.denied.add("acme");
    await world.clock.advance(1_000);
    expect(await delivery).toBe("held");
    expect(signals[0]?.aborted).toBe(true);
    world.receive = () => Promise.resolve();
    world.dimmer.allow("acme");
    await world.clock.advance(500);
    expect(world.ids()).toEqual(["1"]);
  });

  it("lets finish what ends within the grace, or whose tenant may receive again by then", async () => {
    const world = openWorld();
    let finish: () => void = () => undefined;
    world.receive = () => new Promise((done) => (finish = done));
    const delivery = world.gate.deliver(event("1"));
    await settled();
    world.dimmer.deny("acme");
    await world.clock.advance(400);
    world.dimmer.allow("acme");
    await world.clock.advance(5_000);
    finish();
    expect(await delivery).toBe("sent");
  });

  it("keeps the order of calls also where one under way fails or is cut", async () => {
    const world = openWorld();
    world.receive = ({ id }, { attempt }) =>
      id === "1" && attempt === 1 ? Promise.reject(new Error("no")) : Promise.resolve();
    const deliveries = ["1", "2", "3"].map((id, n) => world.gate.deliver(event(id), { durable: n === 1 }));
    expect(await Promise.all(deliveries)).toEqual(["queued", "queued", "queued"]);
    await world.clock.advance(6_000);
    expect(world.ids()).toEqual(["1", "2", "3"]);
  });

  it("retries by the schedule of Standard Webhooks, then lays it with the dead letters", async () => {
    const world = openWorld({ lookEveryMs: 5_000 });
    const attemptsMs: number[] = [];
    world.receive = () => {
      attemptsMs.push(world.clock.monotonicMs());
      return Promise.reject(new SendFailure("status 500"));
    };
    expect(await world.gate.deliver(event("1"))).toBe("queued");
    for (let hour = 0; hour < 77; hour++) await world.clock.advance(HOUR_MS);
    const waits = attemptsMs.slice(1).map((atMs, n) => (atMs - (attemptsMs[n] ?? 0)) / 1_000);
    expect(waits.map((wait) => Math.round(wait))).toEqual([
      5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
    ]);
    const dead = await world.gate.list({ tenant: "acme", state: "dead" });
    expect(dead).toMatchObject([{ id: "1", state: "dead" }]);
    expect(await world.gate.deliver(event("1"))).toBe("dead");
    world.receive = () => Promise.resolve();
    expect(await world.gate.replay({ tenant: "acme" })).toBe(1);
    await world.clock.advance(5_000);
    expect(world.arrivals).toMatchObject([{ id: "1", resync: undefined }]);
  }, 60_000);

  it("waits as long as a receiver asks, within a day", async () => {
    const world = openWorld();
    world.receive = () => Promise.reject(new SendFailure("status 429", { retryAfterMs: 90_000 }));
    await world.gate.deliver(event("1"));
    expect(await world.gate.status("acme")).toMatchObject({ lanes: [{ nextMs: world.clock.nowMs() + 90_000 }] });
  });

  it("pauses an endpoint that is gone: what comes waits, until somebody lets it go on", async () => {
    const world = openWorld();
    world.receive = () => Promise.reject(new SendFailure("status 410", { isGone: true }));
    expect(await world.gate.deliver(event("1"))).toBe("dead");
    world.receive = () => Promise.resolve();
    expect(await world.gate.deliver(event("2"))).toBe("queued");
    await world.clock.advance(HOUR_MS);
    expect(world.ids()).toEqual([]);
    expect(await world.gate.resume({ tenant: "acme" })).toBe(1);
    await world.clock.advance(500);
    expect(world.ids()).toEqual(["2"]);
  });

  it("takes one id once: while it waits, once it has arrived, and stored or not", async () => {
    const world = openWorld();
    expect(await world.gate.deliver(event("1"))).toBe("sent");
    expect(await world.gate.deliver(event("1"))).toBe("sent");
    expect(await world.gate.deliver(event("2"), { durable: true })).toBe("queued");
    await world.clock.advance(0);
    expect(await world.gate.deliver(event("2"), { durable: true })).toBe("sent");
    world.dimmer.deny("acme");
    expect(await world.gate.deliver(event("3"))).toBe("held");
    expect(await world.gate.deliver(event("3"))).toBe("held");
    world.dimmer.allow("acme");
    await world.clock.advance(500);
    expect(world.ids()).toEqual(["1", "2", "3"]);
  });

  it("tells a gap before what came after it, again by the same id while it fails", async () => {
    const world = openWorld({ store: memoryStore({ maxEvents: 3 }) });
    world.dimmer.deny("acme");
    for (let n = 1; n <= 6; n++) {
      await world.gate.deliver(event(String(n)));
      await world.clock.advance(1_000);
    }
    const told: string[] = [];
    world.receive = ({ id }, { resync, attempt }) => {
      if (resync !== "required") return Promise.resolve();
      told.push(id);
      return attempt === 1 ? Promise.reject(new Error("no")) : Promise.resolve();
    };
    world.dimmer.allow("acme");
    await world.clock.advance(7_000);
    expect(world.arrivals.map(({ resync, id }) => (resync === "required" ? resync : id))).toEqual([
      "1",
      "required",
      "5",
      "6",
    ]);
    expect(new Set(told).size).toBe(1);
    expect(JSON.parse(world.arrivals[1]?.body ?? "")).toEqual({
      type: "resync.required",
      timestamp: "2026-12-10T00:00:03.000Z",
      data: { since: "2026-12-10T00:00:01.000Z", until: "2026-12-10T00:00:03.000Z", dropped: 3 },
    });
  });

  it("asks for integrations to be pulled again, until it was done, and with the whole time", async () => {
    const onResync = vi.fn().mockRejectedValueOnce(new Error("not now")).mockResolvedValue(undefined);
    const world = openWorld({ onResync });
    const sinceMs = world.clock.nowMs();
    world.dimmer.deny("acme");
    await world.clock.advance(HOUR_MS);
    expect(onResync).not.toHaveBeenCalled();
    world.dimmer.allow("acme");
    await world.clock.advance(10_000);
    expect(onResync.mock.calls.map(([call]) => [call.tenant, call.sinceMs])).toEqual([
      ["acme", sinceMs],
      ["acme", sinceMs],
    ]);
    expect(world.gate.counters).toMatchObject({ resyncs: 1, resyncFailures: 1 });
    expect((await world.gate.status("acme")).suspendedSinceMs).toBeUndefined();
  });

  it("does not let a slow receiver stop another endpoint or another tenant", async () => {
    const world = openWorld({ maxConcurrent: 3, maxConcurrentPerTenant: 2 });
    world.receive = ({ endpoint }) => (endpoint.startsWith("slow") ? new Promise(() => undefined) : Promise.resolve());
    for (const name of ["slow1", "slow2", "slow3"]) await world.gate.deliver(event("1", name), { durable: true });
    await world.clock.advance(0);
    await world.gate.deliver(event("x", "a", "other"), { durable: true });
    await world.clock.advance(500);
    expect(world.ids()).toEqual(["x"]);
  });

  it("does not wait for a sender that never ends", async () => {
    const world = openWorld({ sendTimeoutMs: 1_000 });
    world.receive = () => new Promise(() => undefined);
    const delivery = world.gate.deliver(event("1"));
    await world.clock.advance(3_000);
    expect(await delivery).toBe("queued");
  });

  it("drops nothing and stretches no wait when the clock jumps during a replay", async () => {
    const world = openWorld({ replayPerSecond: 1 });
    world.dimmer.deny("acme");
    for (const id of ["1", "2", "3", "4"]) await world.gate.deliver(event(id));
    world.dimmer.allow("acme");
    await world.clock.advance(1_500);
    world.clock.jump(-400 * 24 * HOUR_MS);
    await world.clock.advance(1_000);
    world.clock.jump(20 * 24 * HOUR_MS);
    await world.clock.advance(2_000);
    expect(world.ids()).toEqual(["1", "2", "3", "4"]);
    expect(world.store.dropped).toBe(0);
  });

  it("goes on after a clock that went back with a retry outstanding", async () => {
    const world = openWorld();
    world.receive = (_event, { attempt }) => (attempt === 1 ? Promise.reject(new Error("no")) : Promise.resolve());
    await world.gate.deliver(event("1"));
    world.clock.jump(-400 * 24 * HOUR_MS);
    await world.clock.advance(500);
    expect(world.ids()).toEqual(["1"]);
  });

  it("refuses what is no event, naming the field and never the body", async () => {
    const { gate } = openWorld();
    const bad = [
      [{ tenant: "no tenant" }, "tenant"],
      [{ endpoint: "" }, "endpoint"],
      [{ endpoint: "x".repeat(2_049) }, "endpoint"],
      [{ id: "a.b" }, "id"],
      [{ id: "" }, "id"],
      [{ type: "a b" }, "type"],
      [{ body: undefined }, "body"],
      [{ body: 1n }, "body"],
      [{ body: "secret".repeat(1_800_000) }, "body"],
    ] as const;
    for (const [wrong, field] of bad) {
      const refused = await gate
        .deliver({ ...event("1"), ...wrong } as never)
        .catch((error: unknown) => error as Error & { code: string });
      expect(refused).toMatchObject({ code: "input_invalid", message: expect.stringContaining(`webhook ${field}:`) });
      expect((refused as Error).message).not.toContain("secret");
    }
  });

  it("refuses an option that it does not know, by name", () => {
    const { dimmer, store } = openWorld();
    const send = (): Promise<void> => Promise.resolve();
    const misspelt = { dimmer, store, send, onResycn: send };
    expect(() => createGate(misspelt)).toThrow(
      expect.objectContaining({
        code: "options_invalid",
        message: expect.stringMatching(/no option onResycn; .*onResync/),
      }),
    );
  });

  it("says in the status why what went at once was given up at once", async () => {
    const send = (): Promise<void> => Promise.reject(new SendFailure("no such address", { isFinal: true }));
    const world = openWorld({ send });
    expect(await world.gate.deliver(event("1"))).toBe("dead");
    expect(await world.gate.status("acme")).toMatchObject({
      lanes: [{ dead: 1, waiting: 0, paused: undefined, lastError: "no such address" }],
    });
  });

  it("refuses mistakes in options at construction", () => {
    const { dimmer, store } = openWorld();
    const send = (): Promise<void> => Promise.resolve();
    for (const wrong of [
      { leaseMs: 0 },
      { leaseMs: 199 },
      { replayPerSecond: Number.NaN },
      { send: undefined },
      { dimmer: {} },
      { retryScheduleMs: [-1] },
      { retryScheduleMs: [Number.POSITIVE_INFINITY] },
      { leaseMs: Number.POSITIVE_INFINITY },
    ]) {
      expect(() => createGate({ dimmer, store, send, ...wrong } as never)).toThrow(
        expect.objectContaining({ code: "options_invalid" }),
      );
    }
  });

  it("tells the store's failure to who delivers, keeps what it has, and loses no mark", async () => {
    const store = memoryStore();
    const world = openWorld({ store });
    world.dimmer.deny("acme");
    await world.gate.deliver(event("1"));
    const full = vi
      .spyOn(store, "append")
      .mockRejectedValueOnce(Object.assign(new Error("full"), { code: "disk_failed" }));
    await expect(world.gate.deliver(event("2"))).rejects.toThrow("full");
    full.mockRestore();
    const settle = vi.spyOn(store, "settle").mockRejectedValueOnce(new Error("full"));
    world.dimmer.allow("acme");
    await world.clock.advance(5_000);
    expect(settle).toHaveBeenCalledTimes(2);
    expect(world.ids()).toEqual(["1"]);
    expect(world.gate.counters.storeFailures).toBe(2);
    expect(JSON.stringify(world.warnings)).not.toContain('{"n"');
  });

  it("replays since an instant what has arrived, without the mark, as no mode held it", async () => {
    const world = openWorld();
    for (const id of ["1", "2"]) {
      await world.gate.deliver(event(id), { durable: true });
      await world.clock.advance(1_000);
    }
    expect(await world.gate.replay({ tenant: "acme", sinceMs: world.clock.nowMs() - 1_000 })).toBe(1);
    await world.clock.advance(500);
    expect(world.arrivals.map(({ id, resync }) => [id, resync])).toEqual([
      ["1", undefined],
      ["2", undefined],
      ["2", undefined],
    ]);
  });

  it("closes: nothing more is sent, and what is under way is kept", async () => {
    const world = openWorld();
    world.receive = () => new Promise(() => undefined);
    const delivery = world.gate.deliver(event("1"));
    await settled();
    await world.gate.close(0);
    expect(await delivery).toBe("queued");
    await expect(world.gate.deliver(event("2"))).rejects.toMatchObject({ retryable: true });
    expect((await world.store.totals()).waiting).toBe(1);
  });

  it("stops sending where another has taken over, whose marks count", async () => {
    const store = memoryStore();
    const world = openWorld({ store, replayPerSecond: 1, leaseMs: 900_000 });
    world.dimmer.deny("acme");
    for (const id of ["1", "2", "3"]) await world.gate.deliver(event(id));
    const settle = vi.spyOn(store, "settle").mockResolvedValueOnce([false]);
    world.dimmer.allow("acme");
    await world.clock.advance(0);
    expect(settle).toHaveBeenCalledTimes(1);
    expect(world.gate.counters.fenced).toBe(1);
  });
});
