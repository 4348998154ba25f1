import { describe, expect, it, onTestFinished, vi } from "vitest";
import { memoryStore, type SendContext, SendFailure } from "../../src/index.ts";
import { fakeClock, settled } from "../support/fake-clock.ts";
import { event, openWorld, type World } from "../support/world.ts";

/** Lets every send hang; their signals. */
function hang(world: World): AbortSignal[] {
  const signals: AbortSignal[] = [];
  world.receive = (_event: unknown, { signal }: SendContext) => {
    signals.push(signal);
    return new Promise(() => undefined);
  };
  return signals;
}

describe("what is under way when its tenant may no longer receive", () => {
  it("is cut within a second, told or not, while the store hangs and however rarely the gate looks", async () => {
    const store = memoryStore();
    const stuck = Promise.withResolvers<[]>();
    vi.spyOn(store, "suspensions").mockReturnValue(stuck.promise);
    const world = openWorld({ store, lookEveryMs: 60_000 });
    onTestFinished(() => stuck.resolve([]));
    const signals = hang(world);
    const delivery = world.gate.deliver(event("1"));
    await settled();
    world.dimmer.denied.add("acme");
    await world.clock.advance(1_000);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await delivery).toBe("held");
  });

  it.each([
    ["told", true],
    ["found out", false],
  ])("is cut while the gate closes, %s", async (_how, isTold) => {
    const world = openWorld();
    const signals = hang(world);
    const delivery = world.gate.deliver(event("1"));
    await settled();
    let isClosed = false;
    const closing = world.gate.close(60_000).then(() => (isClosed = true));
    await world.clock.advance(100);
    if (isTold) world.dimmer.deny("acme");
    else world.dimmer.denied.add("acme");
    await world.clock.advance(999);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await delivery).toBe("held");
    expect(isClosed).toBe(true);
    await closing;
  });

  it("is not begun: who may receive is asked when all else is done", async () => {
    const store = memoryStore();
    const world = openWorld({ store });
    world.dimmer.deny("acme");
    await world.gate.deliver(event("1"));
    const next = store.next.bind(store);
    const asked = vi.spyOn(store, "next").mockImplementation(async (...which) => {
      const item = await next(...which);
      world.dimmer.denied.add("acme");
      return item;
    });
    world.dimmer.allow("acme");
    await world.clock.advance(5_000);
    expect(world.ids()).toEqual([]);
    asked.mockRestore();
    world.dimmer.allow("acme");
    await world.clock.advance(1_000);
    expect(world.ids()).toEqual(["1"]);
  });
});

describe("what is under way when timers fire before their time", () => {
  it.each([
    ["told", true],
    ["found out", false],
  ])("is cut within a second, %s", async (_how, isTold) => {
    const clock = fakeClock();
    const early = (ms: number): number => (ms >= 100 ? ms - 1 : ms);
    const world = openWorld({ clock: { ...clock, after: (ms, run) => clock.after(early(ms), run) } });
    const signals = hang(world);
    const delivery = world.gate.deliver(event("1"));
    await settled();
    await clock.advance(1);
    if (isTold) world.dimmer.deny("acme");
    else world.dimmer.denied.add("acme");
    await clock.advance(isTold ? 505 : 760);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(await delivery).toBe("held");
  });
});

describe("a sender that had no room", () => {
  it("has made no attempt: what it did not send waits for seconds, uncounted, stored before or not", async () => {
    const world = openWorld({ retryScheduleMs: [3_600_000] });
    let refusals = 0;
    const attempts: number[] = [];
    world.receive = (_event, { attempt }) => {
      attempts.push(attempt);
      if (refusals++ < 4) return Promise.reject(new SendFailure("no room", { isUnsent: true }));
      return Promise.resolve();
    };
    expect(await world.gate.deliver(event("1"))).toBe("queued");
    expect(await world.gate.status("acme")).toMatchObject({
      lanes: [{ attempts: 0, lastError: "no room", paused: undefined }],
    });
    await world.clock.advance(25_000);
    expect(world.ids()).toEqual(["1"]);
    expect(attempts).toEqual([1, 1, 1, 1, 1]);
    expect(world.gate.counters).toMatchObject({ failed: 0, sent: 1 });
  });
});

describe("a sender that does not heed its signal", () => {
  it("has failed when its time is over: attempts are counted, and the event is given up in the end", async () => {
    const world = openWorld({ sendTimeoutMs: 1_000, retryScheduleMs: [5_000, 5_000] });
    const signals = hang(world);
    const delivery = world.gate.deliver(event("1"));
    await world.clock.advance(2_000);
    expect(await delivery).toBe("queued");
    expect(await world.gate.status("acme")).toMatchObject({
      lanes: [{ attempts: 1, lastError: "no answer within 1000 ms" }],
    });
    await world.clock.advance(30_000);
    expect(signals).toHaveLength(3);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    expect(await world.gate.list({ tenant: "acme", state: "dead" })).toMatchObject([{ id: "1" }]);
  });
});

describe("a gate that closes", () => {
  it("keeps all that waits in memory behind what is under way, and sends none of it", async () => {
    const world = openWorld();
    const signals = hang(world);
    const deliveries = ["1", "2", "3"].map((id) => world.gate.deliver(event(id)));
    await settled();
    await world.gate.close(0);
    expect(await Promise.all(deliveries)).toEqual(["queued", "queued", "queued"]);
    expect(signals).toHaveLength(1);
    expect((await world.store.totals()).waiting).toBe(3);
  });

  it("does not wait for the pace of a replay", async () => {
    const world = openWorld({ replayPerSecond: 0.001 });
    world.dimmer.deny("acme");
    for (const id of ["1", "2"]) await world.gate.deliver(event(id));
    world.dimmer.allow("acme");
    await world.clock.advance(1_000);
    await world.gate.close();
    expect(world.ids()).toEqual(["1"]);
  });
});
