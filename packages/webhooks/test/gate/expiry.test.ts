import { describe, expect, it } from "vitest";
import { memoryStore } from "../../src/index.ts";
import { event, openWorld } from "../support/world.ts";

describe("an expiry that has much to do", () => {
  it("stops nothing that is to be sent, is not begun twice, and ends when the gate closes", async () => {
    const store = memoryStore();
    let begun = 0;
    let ended = 0;
    const expire = (_nowMs: number, _isSending: unknown, signal?: AbortSignal): Promise<void> => {
      begun++;
      return new Promise((done) =>
        signal?.addEventListener("abort", () => {
          ended++;
          done();
        }),
      );
    };
    const world = openWorld({ store: { ...store, dropped: 0, expire } });
    world.dimmer.deny("acme");
    await world.gate.deliver(event("e1"));
    await world.clock.advance(200_000);
    world.dimmer.allow("acme");
    await world.clock.advance(1_000);
    expect(world.ids()).toEqual(["e1"]);
    expect([begun, ended]).toEqual([1, 0]);
    await world.gate.close(0);
    expect(ended).toBe(1);
  });
});
