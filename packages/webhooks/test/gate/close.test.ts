import { describe, expect, it, onTestFinished, vi } from "vitest";
import { memoryStore, type Outbox } from "../../src/index.ts";
import { settled } from "../support/fake-clock.ts";
import { event, openWorld } from "../support/world.ts";

/** Lets a method of a store answer only once the test says so. */
function hold<Name extends "append" | "lease">(store: Outbox, name: Name): { readonly go: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const method = store[name].bind(store) as (...asked: unknown[]) => Promise<unknown>;
  const held = async (...asked: unknown[]): Promise<unknown> => {
    await promise;
    return await method(...asked);
  };
  vi.spyOn(store, name).mockImplementation(held as never);
  onTestFinished(() => resolve());
  return { go: resolve };
}

describe("a gate that closes", () => {
  it.each([
    ["held", false],
    ["stored first", true],
  ])("waits for what is being stored: what is %s", async (_what, durable) => {
    const store = memoryStore();
    const { go } = hold(store, "append");
    const world = openWorld({ store });
    if (!durable) world.dimmer.deny("acme");
    const delivery = world.gate.deliver(event("1"), { durable });
    await settled();
    let isClosed = false;
    const closing = world.gate.close().then(() => (isClosed = true));
    await settled();
    expect(isClosed).toBe(false);
    go();
    await closing;
    expect((await store.totals()).waiting).toBe(1);
    expect(await delivery).toBe(durable ? "queued" : "held");
  });

  it("begins nothing more: what waits behind what is under way is stored once that has ended", async () => {
    const world = openWorld();
    const ends: (() => void)[] = [];
    world.receive = () => new Promise((done) => void ends.push(done));
    const deliveries = ["1", "2", "3"].map((id) => world.gate.deliver(event(id)));
    await settled();
    const closing = world.gate.close(60_000);
    ends[0]?.();
    await closing;
    expect(await Promise.all(deliveries)).toEqual(["sent", "queued", "queued"]);
    expect(ends).toHaveLength(1);
  });

  it("gives back the right to send that it was given while it closed", async () => {
    const store = memoryStore();
    const { go } = hold(store, "lease");
    const release = vi.spyOn(store, "release");
    const world = openWorld({ store });
    await world.gate.deliver(event("1"), { durable: true });
    await settled();
    const closing = world.gate.close(100);
    go();
    await closing;
    expect(release).toHaveBeenCalledTimes(1);
    expect(world.arrivals).toEqual([]);
  });

  it("waits 5 s past its grace for a store that does not answer, and says so", async () => {
    const store = memoryStore();
    const stuck = Promise.withResolvers<[]>();
    vi.spyOn(store, "suspensions").mockReturnValue(stuck.promise);
    onTestFinished(() => stuck.resolve([]));
    const world = openWorld({ store });
    await settled();
    let isClosed = false;
    const closing = world.gate.close(500).then(() => (isClosed = true));
    await world.clock.advance(5_400);
    expect(isClosed).toBe(false);
    await world.clock.advance(100);
    await closing;
    expect(world.warnings).toEqual(["webhooks: the store did not answer in time; the gate closed without it {}"]);
  });
});
