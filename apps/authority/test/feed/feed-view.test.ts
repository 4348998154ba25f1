import { WatchHub } from "@dimmer/feed/node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { putTenant } from "../../src/changes/tenants.ts";
import { FeedView } from "../../src/feed/feed-view.ts";
import { type TestAuthority, testAuthority } from "../sequencer/fixture.ts";

/** More turns of the microtask queue than reading the store takes. */
const MAX_TURNS = 1_000;
let authority: TestAuthority;

beforeEach(async () => {
  authority = await testAuthority();
  authority.sequence();
  await authority.write((write) =>
    putTenant(write, { id: "acme", name: "acme", plan: "pro", features: {}, contacts: [], contract: {} }),
  );
  await authority.settled();
});
afterEach(() => authority.close());

it("opens no stream with less than was passed on to the others, whenever a change is published meanwhile", async () => {
  for (let turns = 0; turns < MAX_TURNS; turns += 1) {
    const view = new FeedView(authority.store, new WatchHub());
    await view.look();
    let isOpen = false;
    const resuming = view.resume({ epoch: 1, seq: 1 }, () => {
      isOpen = true;
    });
    for (let i = 0; i < turns; i += 1) await Promise.resolve();
    if (isOpen) return;
    // It is not in the store, so that whoever looks at that again cannot be told what it missed.
    view.onPublication({ epoch: 1, seq: 3, base: 2, delta: "delta", head: "head" });
    expect(await resuming, `after ${turns} turns`).toBe("list again");
  }
  throw new Error(`a store is not read within ${MAX_TURNS} turns`);
});
