import { describe, expect, it, vi } from "vitest";
import { LiveFeed } from "./live-feed.ts";
import { type Followed, follow, signers } from "./replica-fixture.ts";
import { limited, lockOf, plan, reasonOf } from "./stream-fixture.ts";
import { StreamSource } from "./stream-source.ts";

/** An authority whose head is ahead of its index by a change and a lock, and a replica that starts with nothing. */
async function behind(prepare: (source: StreamSource) => void): Promise<Followed & { readonly live: LiveFeed }> {
  const live = await LiveFeed.of(signers, { set: [plan("a", "pro"), plan("b", "pro")] });
  await live.publish({ set: [limited("a")], locks: [lockOf("b")] });
  const source = new StreamSource(live);
  prepare(source);
  return { ...(await follow(source)), live };
}

describe("a replica that starts with nothing", () => {
  it("D2 · is ready only with what its first head says there is, though the index is older", async () => {
    const world = await behind(() => undefined);
    await world.replica.ready();
    expect(world.replica.version).toEqual(world.live.version);
    expect([reasonOf(world, "a"), reasonOf(world, "b")]).toEqual(["restricted", "locked"]);
  });

  it("D2 · answers by the lock list that it holds while it waits for the rest", async () => {
    const world = await behind((source) => {
      source.onBacklog = () => [];
    });
    await vi.waitFor(() => expect(reasonOf(world, "b")).toBe("locked"));
    expect(world.replica.isReady).toBe(false);
    expect(world.events.some(({ type }) => type === "ready" || type === "applied")).toBe(false);
  });

  it("is ready after two seconds all the same, where no stream brings the rest", async () => {
    const world = await behind((source) => {
      source.watchFault = new Error("no stream here");
    });
    await vi.waitFor(() => expect(reasonOf(world, "b")).toBe("locked"));
    world.clock.pass(1_900);
    expect(world.replica.isReady).toBe(false);
    await vi.waitFor(() => {
      world.clock.pass(200);
      expect(world.replica.isReady).toBe(true);
    });
    expect(world.replica.version).toEqual({ epoch: 1, seq: 1 });
  });
});
