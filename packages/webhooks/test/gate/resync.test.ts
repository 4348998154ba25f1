import { describe, expect, it, onTestFinished, vi } from "vitest";
import { memoryStore } from "../../src/index.ts";
import { fakeClock, settled } from "../support/fake-clock.ts";
import { fakeTimeStore } from "../support/fake-time-store.ts";
import { event, openWorld } from "../support/world.ts";

const HOUR_MS = 3_600_000;

describe("a receiver that refuses to be told of a gap", () => {
  it("goes on receiving once the schedule is used up; the gap is listed, and told again by a replay", async () => {
    const world = openWorld({ store: memoryStore({ maxEvents: 2 }), retryScheduleMs: [5_000, 5_000] });
    world.dimmer.deny("acme");
    for (const id of ["1", "2", "3", "4"]) await world.gate.deliver(event(id));
    const told: number[] = [];
    world.receive = (_event, { resync, attempt }) => {
      if (resync !== "required") return Promise.resolve();
      told.push(attempt);
      return Promise.reject(new Error("status 422"));
    };
    world.dimmer.allow("acme");
    await world.clock.advance(8_000);
    expect(world.ids()).toEqual(["1"]);
    await world.clock.advance(8_000);
    expect(world.ids()).toEqual(["1", "4"]);
    expect(told).toEqual([1, 2, 3]);
    expect(await world.gate.status("acme")).toMatchObject({
      lanes: [{ gap: undefined, untold: { dropped: 2 }, lastError: undefined }],
    });
    expect(world.gate.counters).toMatchObject({ gapsUntold: 1, gapsTold: 0, dead: 0 });
    expect(await world.gate.deliver(event("5"))).toBe("sent");
    world.receive = () => Promise.resolve();
    await world.gate.replay({ tenant: "acme" });
    await world.clock.advance(1_000);
    expect(world.arrivals.at(-1)).toMatchObject({ resync: "required" });
    expect(JSON.parse(world.arrivals.at(-1)?.body ?? "")).toMatchObject({ data: { dropped: 2 } });
    expect(await world.gate.status("acme")).toMatchObject({ lanes: [{ untold: undefined }] });
  });
});

describe("the right to send for a tenant", () => {
  it("ends what is under way when its time is over and the store does not answer, and begins nothing", async () => {
    const clock = fakeClock();
    const store = fakeTimeStore(clock);
    const world = openWorld({ clock, store, leaseMs: 3_000, replayPerSecond: 1 });
    world.dimmer.deny("acme");
    for (const id of ["1", "2", "3", "4", "5"]) await world.gate.deliver(event(id));
    const lease = store.lease.bind(store);
    const stuck = Promise.withResolvers<[]>();
    vi.spyOn(store, "lease").mockReturnValue(stuck.promise).mockImplementationOnce(lease);
    onTestFinished(() => stuck.resolve([]));
    const signals: AbortSignal[] = [];
    world.receive = ({ id }, { signal }) => {
      signals.push(signal);
      return id === "3" ? new Promise(() => undefined) : Promise.resolve();
    };
    world.dimmer.allow("acme");
    await clock.advance(3_500);
    expect(world.ids()).toEqual(["1", "2"]);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, true]);
    await clock.advance(60_000);
    expect(signals).toHaveLength(3);
  });

  it("is another's in the next run of the same process: marks of the last one are refused", async () => {
    const clock = fakeClock();
    const store = fakeTimeStore(clock);
    const world = openWorld({ clock, store, leaseMs: 3_000 });
    const fences: number[] = [];
    const settle = store.settle.bind(store);
    const outcomes: boolean[] = [];
    // The first mark is on its way for longer than the lease holds.
    let deliverLate: () => Promise<void> = () => Promise.resolve();
    vi.spyOn(store, "settle").mockImplementation((marks) => {
      fences.push(...marks.map(({ lease }) => lease.fence));
      if (fences.length > 1) return settle(marks);
      return new Promise((done) => {
        deliverLate = async () => {
          outcomes.push(...(await settle(marks)));
          done(outcomes);
        };
      });
    });
    const lease = vi.spyOn(store, "lease");
    await world.gate.deliver(event("1", "a"), { durable: true });
    await clock.advance(100);
    expect(fences).toHaveLength(1);
    lease.mockRejectedValueOnce(new Error("no answer")).mockRejectedValueOnce(new Error("no answer"));
    lease.mockRejectedValueOnce(new Error("no answer")).mockRejectedValueOnce(new Error("no answer"));
    lease.mockRejectedValueOnce(new Error("no answer"));
    await clock.advance(3_500);
    await world.gate.deliver(event("1", "b"), { durable: true });
    await clock.advance(5_000);
    await deliverLate();
    await clock.advance(1_000);
    expect(outcomes).toEqual([false]);
    expect(new Set(fences).size).toBeGreaterThan(1);
  });

  it("passes to another gate when its holder hears nothing of the store: order holds, and both never send", async () => {
    const clock = fakeClock();
    const store = fakeTimeStore(clock);
    let isAway = false;
    const lease: typeof store.lease = (...asked) =>
      isAway ? Promise.reject(new Error("no answer")) : store.lease(...asked);
    const options = { clock, leaseMs: 3_000, replayPerSecond: 1 };
    const first = openWorld({ ...options, store: { ...store, dropped: 0, lease } });
    first.dimmer.deny("acme");
    for (const id of ["1", "2", "3", "4", "5", "6"]) await first.gate.deliver(event(id));
    const seen: string[] = [];
    first.receive = ({ id }) => Promise.resolve(void seen.push(`${id} by the first`));
    first.dimmer.allow("acme");
    await clock.advance(500);
    const second = openWorld({ ...options, store, dimmer: first.dimmer });
    second.receive = ({ id }) => Promise.resolve(void seen.push(`${id} by the second`));
    await clock.advance(1_000);
    isAway = true;
    await clock.advance(20_000);
    const turn = seen.findIndex((one) => one.endsWith("second"));
    expect(seen.map((one) => one.split(" ")[0])).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(turn).toBeGreaterThan(0);
    expect(seen.slice(turn).every((one) => one.endsWith("second"))).toBe(true);
  });
});

describe("the right to send for many tenants", () => {
  it("is renewed however long a look takes", async () => {
    const clock = fakeClock();
    const store = fakeTimeStore(clock);
    const world = openWorld({ clock, store, leaseMs: 3_000, replayPerSecond: 1 });
    world.dimmer.deny("acme");
    for (let n = 0; n < 12; n++) await world.gate.deliver(event(String(n)));
    world.dimmer.allow("acme");
    await clock.advance(500);
    const stuck = Promise.withResolvers<[]>();
    vi.spyOn(store, "suspensions").mockReturnValue(stuck.promise);
    onTestFinished(() => stuck.resolve([]));
    await clock.advance(12_000);
    expect(world.ids()).toHaveLength(12);
    expect(world.gate.counters.fenced).toBe(0);
  });

  it("is taken in one transaction, and so is that they may receive again", async () => {
    const store = memoryStore();
    const world = openWorld({ store });
    const tenants = Array.from({ length: 300 }, (_, n) => `t${n}`);
    for (const tenant of tenants) world.dimmer.denied.add(tenant);
    await Promise.all(tenants.map((tenant) => world.gate.deliver(event("1", "a", tenant))));
    await world.clock.advance(500);
    const calls = (["lease", "resuming", "resumed", "release"] as const).map((name) => vi.spyOn(store, name));
    world.dimmer.denied.clear();
    await world.clock.advance(1_000);
    expect(world.arrivals).toHaveLength(300);
    const [leases, resuming, resumed, released] = calls.map(({ mock }) => mock.calls.length);
    expect([leases, resuming, resumed]).toEqual([1, 1, 1]);
    expect(released).toBeLessThan(30);
  });

  it("is not kept where it was asked for again while it was given back", async () => {
    const clock = fakeClock();
    const store = fakeTimeStore(clock);
    const world = openWorld({ clock, store, leaseMs: 3_000 });
    let arrive: () => void = () => undefined;
    world.receive = () => new Promise((done) => (arrive = done));
    await world.gate.deliver(event("1"), { durable: true });
    await clock.advance(500);
    const take = store.lease.bind(store);
    const late = Promise.withResolvers<void>();
    vi.spyOn(store, "lease").mockImplementation(async (...asked) => {
      await late.promise;
      return await take(...asked);
    });
    await clock.advance(1_000);
    arrive();
    await settled();
    expect(world.ids()).toEqual(["1"]);
    late.resolve();
    await settled();
    expect(await take([{ tenant: "acme", holder: "another" }], 1_000)).toMatchObject([{ tenant: "acme" }]);
  });
});

describe("a schedule of one's own", () => {
  it("waits for longer than a day where it says so", async () => {
    const world = openWorld({ retryScheduleMs: [72 * HOUR_MS], lookEveryMs: 10 * 60_000 });
    const attempts: number[] = [];
    world.receive = (_event, { attempt }) => {
      attempts.push(attempt);
      return attempt === 1 ? Promise.reject(new Error("no")) : Promise.resolve();
    };
    await world.gate.deliver(event("1"));
    await world.clock.advance(71 * HOUR_MS);
    expect(attempts).toEqual([1]);
    await world.clock.advance(1.5 * HOUR_MS);
    expect(attempts).toEqual([1, 2]);
  });
});
