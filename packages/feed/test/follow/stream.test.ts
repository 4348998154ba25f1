import { SourceFault, type WatchEvent } from "@dimmer/feed/follow";
import type { WireEntitlement } from "@dimmer/statement";
import { describe, expect, it, vi } from "vitest";
import { changedPolicy, NOW_SECONDS } from "../build/fixture.ts";
import { LiveFeed } from "./live-feed.ts";
import { MemorySource } from "./memory-source.ts";
import { MemoryStore } from "./memory-store.ts";
import { follow, signers } from "./replica-fixture.ts";
import { limited, lockOf, plan, reasonOf, seats, soon, stream } from "./stream-fixture.ts";
import { StreamSource } from "./stream-source.ts";

describe("a delta", () => {
  it("is in force as soon as it comes, and is the version", async () => {
    const world = await stream();
    await world.change({ set: [limited("a"), plan("new", "starter")] });
    expect(world.replica.version).toEqual({ epoch: 1, seq: 2 });
    expect(reasonOf(world, "a")).toBe("restricted");
    expect(seats(world, "new")).toBe(5);
    expect(world.events.at(-1)).toEqual({ type: "applied", version: { epoch: 1, seq: 2 }, tenants: ["a", "new"] });
    expect(world.replica.status().sources[0]).toMatchObject({ deltas: 1, reconnects: 0, deadStreams: 0 });
  });

  it("F4 · removes a tenant by a tombstone, and no other by its absence", async () => {
    const world = await stream();
    await world.change({ set: [{ tenant: "a", gone: NOW_SECONDS }] });
    expect(reasonOf(world, "a")).toBe("unknown_tenant");
    expect(reasonOf(world, "b")).toBe("granted");
  });

  it("F1 · seen before is passed over, and changes nothing", async () => {
    const world = await stream();
    const first = await world.change({ set: [limited("a")] });
    await world.change({ set: [plan("a", "pro")] });
    world.source.send(first);
    await world.change({ set: [plan("b", "starter")] });
    expect(reasonOf(world, "a")).toBe("granted");
    expect(world.source.lines).toHaveLength(1);
    expect(world.replica.status().refusals.count).toBe(0);
  });

  it("that leaves a gap has the stream opened again from what is held", async () => {
    const world = await stream();
    const { live, source, replica } = world;
    await live.publish({ set: [limited("a")] });
    source.send(await live.publish({ set: [limited("b")] }));
    await soon(world, () => expect(replica.version).toEqual({ epoch: 1, seq: 3 }));
    expect(source.lines.map(({ from }) => from.seq)).toEqual([1, 1]);
    expect([reasonOf(world, "a"), reasonOf(world, "b")]).toEqual(["restricted", "restricted"]);
  });

  it.each<[string, (token: string) => string]>([
    [
      "whose signature is damaged",
      (token) => token.slice(0, -20) + (token.at(-20) === "A" ? "B" : "A") + token.slice(-19),
    ],
    ["that is cut off", (token) => token.slice(0, token.length / 2)],
    ["that is no token", () => "delta"],
  ])("F3 · %s is refused whole, and the true one is taken from the stream opened next", async (_, damage) => {
    const world = await stream();
    const { live, source, replica, clock } = world;
    const frames = await live.publish({ set: [limited("a")] });
    source.onBacklog = () => [];
    source.send(frames.map((frame) => (frame.event === "delta" ? { ...frame, data: damage(frame.data) } : frame)));
    await expect.poll(() => replica.status().refusals.count).toBe(1);
    expect(replica.version).toEqual({ epoch: 1, seq: 1 });
    expect(reasonOf(world, "a")).toBe("granted");
    expect(replica.status().sources[0]).toMatchObject({ state: "refused", lastErrorMs: clock.wall });
    source.onBacklog = (events) => events;
    await expect.poll(() => source.line.isAbandoned).toBe(true);
    clock.pass(1_000);
    await expect.poll(() => replica.version).toEqual(live.version);
    expect(reasonOf(world, "a")).toBe("restricted");
  });

  it("F3 · signed for another role is refused", async () => {
    const world = await stream();
    world.live.signers = { ...signers, feed: signers.locks };
    world.source.send(await world.live.publish({ set: [limited("a")] }));
    await expect.poll(() => world.replica.status().refusals.last?.code).toBe("statement_untrusted");
    expect(reasonOf(world, "a")).toBe("granted");
  });

  it("F3 · naming a mode that the policy does not know is quarantined, and the version advances", async () => {
    const world = await stream();
    const steps = [{ at: NOW_SECONDS - 60, mode: "frozen" }];
    await world.change({ set: [{ ...plan("a", "pro"), restrictions: [{ cause: "breach", case: "c", steps }] }] });
    expect(reasonOf(world, "a")).toBe("granted");
    expect(world.replica.status().quarantine).toEqual({ count: 1, tenants: [{ tenant: "a", why: 'mode "frozen"' }] });
    const policy = changedPolicy((document) => {
      const [full, grace, ...rest] = document.modes;
      const frozen = { ...structuredClone(document.modes.find(({ name }) => name === "read_only")), name: "frozen" };
      document.modes = [full, grace, frozen, ...rest] as typeof document.modes;
    });
    await world.change({ policy });
    expect(reasonOf(world, "a")).toBe("restricted");
    expect(world.replica.status().quarantine.count).toBe(0);
  });

  it("brings its policy into force with it, fetched where it did not come ahead", async () => {
    const policy = changedPolicy((document) => {
      document.fallback.unknown_tenant = { ...document.fallback.unknown_tenant, "*": "deny" };
    });
    const world = await stream();
    const frames = await world.live.publish({ policy });
    world.source.send(frames.filter(({ event }) => event !== "policy"));
    await expect.poll(() => world.replica.version).toEqual(world.live.version);
    expect(world.replica.check("stranger", "create", "member").allowed).toBe(false);
    expect(world.source.asked.filter((name) => name.startsWith("policy/"))).toHaveLength(2);
  });

  it("is applied under the policy in force where a head that was listed is ahead of it", async () => {
    const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
    const policy = changedPolicy((document) => {
      document.version = "newer";
    });
    await live.publish({ set: [limited("a")] });
    await live.publish({ policy });
    const source = new StreamSource(live);
    const followed = await follow(source);
    await expect.poll(() => followed.replica.version).toEqual(live.version);
    expect(followed.replica.policy.document.version).toBe("newer");
    expect(reasonOf(followed, "a")).toBe("restricted");
  });
});

describe("a lock list in a stream", () => {
  it("D2 · counts at once, also where its delta never comes", async () => {
    const world = await stream();
    const frames = await world.live.publish({ locks: [lockOf("a")] });
    world.source.send(frames.filter(({ event }) => event === "locks"));
    await expect.poll(() => reasonOf(world, "a")).toBe("locked");
    expect(world.replica.version).toEqual({ epoch: 1, seq: 1 });
    expect(world.replica.status().locksVersion).toEqual({ epoch: 1, seq: 2 });
  });

  it("D3 · is not lifted by an older list that is sent again", async () => {
    const world = await stream({ set: [plan("a", "pro")], locks: [] });
    const [older] = (await world.live.publish({ locks: [] })) as [WatchEvent];
    world.source.send(await world.live.publish({ locks: [lockOf("a")] }));
    await expect.poll(() => reasonOf(world, "a")).toBe("locked");
    const reasons: string[] = [];
    world.replica.subscribe(() => reasons.push(reasonOf(world, "a")));
    world.source.send([older]);
    await world.change({ set: [plan("b", "pro")] });
    expect(new Set(reasons)).toEqual(new Set(["locked"]));
    expect(reasonOf(world, "a")).toBe("locked");
  });

  it("D3 · is lifted by a newer one", async () => {
    const world = await stream({ set: [plan("a", "pro")], locks: [lockOf("a")] });
    expect(reasonOf(world, "a")).toBe("locked");
    await world.change({ locks: [] });
    expect(reasonOf(world, "a")).toBe("granted");
  });

  it("D2 · known at one origin is not hidden by another that is stale", async () => {
    const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
    const frozen = new MemorySource({ head: live.head, keysets: live.keysets, parts: live.parts }, { name: "mirror" });
    const fresh = new MemorySource(live, { name: "authority" });
    const followed = await follow([frozen, fresh]);
    await live.publish({ locks: [lockOf("a")] });
    followed.clock.pass(5_000);
    await expect.poll(() => reasonOf(followed, "a")).toBe("locked");
    followed.clock.pass(5_000);
    await followed.replica.refresh();
    expect(reasonOf(followed, "a")).toBe("locked");
  });
});

describe("a list beside the stream", () => {
  it("F2 · does not roll back what deltas newer than its index said", async () => {
    const world = await stream();
    await world.change({ set: [limited("a")] });
    await world.live.list();
    await world.change({ set: [plan("a", "starter"), limited("b")] });
    await world.replica.refresh();
    expect(world.replica.version).toEqual({ epoch: 1, seq: 3 });
    expect([seats(world, "a"), reasonOf(world, "b")]).toEqual([5, "restricted"]);
    await world.live.list();
    await world.replica.refresh();
    expect([seats(world, "a"), reasonOf(world, "b")]).toEqual([5, "restricted"]);
  });

  it("F2 · brings back what differs from its index, bucket by bucket, also where a chunk is the one held", async () => {
    const world = await stream();
    const before = world.live.lines.get("a") as WireEntitlement;
    await world.change({ set: [limited("a")] });
    // Nothing but the delta ever said so.
    world.live.lines.set("a", before);
    await world.live.list();
    await world.replica.refresh();
    expect(reasonOf(world, "a")).toBe("granted");
  });

  it("F4 · keeps a tenant that came with a delta and that the index lacks", async () => {
    const store = new MemoryStore();
    const world = await stream(undefined, store);
    await world.change({ set: [plan("new", "starter")] });
    world.live.lines.delete("new");
    await world.live.list();
    await world.replica.refresh();
    expect(seats(world, "new")).toBe(5);
    expect(world.replica.status().counters.keptMissing).toBe(1);
    await world.replica.close();
    const again = await follow(new MemorySource(undefined), { store });
    expect(seats(again, "new")).toBe(5);
  });

  it("lists soon after a head names an index that is not held, so that what is served again stays true", async () => {
    const world = await stream();
    await world.change({ set: [limited("a")] });
    world.source.send([{ event: "head", data: await world.live.list() }]);
    const served = world.replica.readHead()?.token;
    await expect.poll(() => world.clock.timers).toBeGreaterThan(0);
    await vi.waitFor(() => {
      world.clock.pass(1_000);
      expect(world.replica.readHead()?.token).not.toBe(served);
    });
    expect(world.replica.readHead()?.token).toBe(world.live.head);
    expect(world.source.lines).toHaveLength(1);
  });

  it("is read slowly beside a healthy stream, and as often as it is polled without one", async () => {
    const world = await stream();
    const { source, clock } = world;
    const polled = source.heads;
    for (let i = 0; i < 9; i += 1) {
      source.send([{ event: "head", data: await world.live.renew() }]);
      clock.pass(5_000);
    }
    expect(source.heads - polled).toBe(0);
    for (let i = 0; i < 4; i += 1) clock.pass(5_000);
    await expect.poll(() => source.heads - polled).toBeGreaterThan(0);
  });

  it("takes over from a source that has no stream", async () => {
    const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
    const source = new StreamSource(live);
    source.watchFault = new SourceFault("404", { isUnsupported: true });
    const { replica, clock } = await follow(source);
    await live.publish({ set: [limited("a")] });
    await live.list();
    clock.pass(5_000);
    await expect.poll(() => replica.version).toEqual(live.version);
    expect(replica.status().sources[0]).toMatchObject({ following: "polling", state: "ok" });
  });
});

describe("a stream", () => {
  it("that is silent for three heartbeats is given up, whatever the transport says, and opened again", async () => {
    const world = await stream();
    const { source, clock, replica } = world;
    source.isDeaf = true;
    source.line.close();
    await vi.waitFor(() => {
      clock.pass(1_000);
      expect(source.lines).toHaveLength(2);
    });
    const deaf = source.line;
    for (let i = 0; i < 14; i += 1) clock.pass(1_000);
    expect(deaf.isAbandoned).toBe(false);
    clock.pass(1_000);
    await expect.poll(() => replica.status().sources[0]?.deadStreams).toBe(1);
    expect(replica.status().sources[0]).toMatchObject({
      following: "polling",
      lastError: expect.stringMatching(/silent/),
    });
    await vi.waitFor(() => {
      clock.pass(1_000);
      expect(source.lines).toHaveLength(3);
    });
    await expect.poll(() => replica.status().sources[0]).toMatchObject({ following: "streaming", reconnects: 2 });
  });

  it("F1 · that is faster than a poll leaves nothing to refuse: the head that the poll brings is passed over", async () => {
    const world = await stream();
    const { source, replica, live } = world;
    await world.change({ set: [limited("a")] });
    const { promise, resolve } = Promise.withResolvers<void>();
    const head = source.head.bind(source);
    source.head = async (known) => {
      const answer = await head(known);
      await promise;
      return answer;
    };
    const polled = replica.refresh();
    await world.change({ set: [limited("b")] });
    resolve();
    await polled;
    expect(replica.version).toEqual(live.version);
    expect(replica.status().refusals.count).toBe(0);
    expect(replica.status().sources[0]?.state).toBe("ok");
  });

  it("is back within seconds of the last of many outages, however long those before it were", async () => {
    const world = await stream();
    const { source, clock, replica, live } = world;
    for (let outage = 0; outage < 4; outage += 1) {
      source.feed = undefined;
      source.watchFault = new SourceFault("gone");
      source.line.close();
      for (let second = 0; second < 20; second += 1) {
        await soon(world, () => undefined);
        clock.pass(1_000);
      }
      source.feed = live;
      source.watchFault = undefined;
      const opened = source.lines.length;
      let seconds = 0;
      await vi.waitFor(
        () => {
          if (source.lines.length === opened) seconds += 1;
          clock.pass(1_000);
          expect(replica.status().sources[0]?.following).toBe("streaming");
        },
        { interval: 5, timeout: 5_000 },
      );
      expect(seconds, `outage ${outage}`).toBeLessThanOrEqual(20);
    }
  });

  it("that is sent away comes back after the time it was given, and not before", async () => {
    const { source, clock } = await stream();
    source.send([{ event: "goaway", afterMs: 7_000 }]);
    await expect.poll(() => source.line.isAbandoned).toBe(true);
    const polled = source.heads;
    clock.pass(6_900);
    expect(source.heads).toBe(polled);
    clock.pass(200);
    await expect.poll(() => source.lines.length).toBe(2);
  });

  it("passes over events that it does not know", async () => {
    const world = await stream();
    world.source.send([{ event: "weather", data: "{}" } as unknown as WatchEvent]);
    await world.change({ set: [limited("a")] });
    expect(world.source.lines).toHaveLength(1);
  });

  it("that is turned away keeps to Retry-After, list and stream alike", async () => {
    const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
    const source = new StreamSource(live);
    source.watchFault = new SourceFault("503", { retryAfterMs: 20_000 });
    const { clock, replica } = await follow(source);
    await expect.poll(() => replica.status().sources[0]?.lastError).toBe("503");
    const polled = source.heads;
    clock.pass(19_000);
    expect(source.heads).toBe(polled);
    source.watchFault = undefined;
    clock.pass(1_100);
    await expect.poll(() => source.lines.length).toBe(1);
  });

  it("F1 · that must be listed again never goes below what is held", async () => {
    const world = await stream();
    await world.change({ set: [limited("a")] });
    const { source, live, clock } = world;
    source.watchFault = new SourceFault("410", { isGone: true });
    source.line.close();
    for (let i = 0; i < 10; i += 1) {
      clock.pass(2_000);
      await world.replica.refresh();
    }
    expect(world.replica.version).toEqual(live.version);
    expect(reasonOf(world, "a")).toBe("restricted");
  });

  it("does not ask a source that always says list again as fast as it can", async () => {
    const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
    const source = new StreamSource(live);
    let asked = 0;
    source.onWatch = () => {
      asked += 1;
      throw new SourceFault("410", { isGone: true });
    };
    const { clock, replica } = await follow(source);
    for (let i = 0; i < 60; i += 1) {
      clock.pass(1_000);
      await replica.refresh();
    }
    expect(asked).toBeGreaterThan(3);
    expect(asked).toBeLessThan(12);
  });

  it("sets the clock and the freshness by the heads that it brings", async () => {
    const world = await stream();
    const { clock, replica, live, source } = world;
    clock.pass(14_000);
    live.nowMs += 14_000;
    source.send([{ event: "head", data: await live.renew() }]);
    await expect.poll(() => replica.status().freshUntilMs).toBe(live.nowMs + 60_000);
    expect(replica.status().freshness).toBe("fresh");
    clock.wall += 3_650 * 86_400_000;
    clock.pass(20);
    expect(replica.clockMs).toBeLessThan(live.nowMs + 1_000);
  });

  it("is not opened for a directory, nor after the replica is closed", async () => {
    const { replica, source, clock } = await stream();
    await replica.close();
    expect(source.line.isAbandoned).toBe(true);
    clock.pass(600_000);
    expect(source.lines).toHaveLength(1);
  });
});

describe("keys", () => {
  it("that were rotated may sign the same list again under the version that is held", async () => {
    const world = await stream();
    await world.live.rotate();
    await world.live.list();
    await world.replica.refresh();
    expect(world.replica.readHead()?.token).toBe(world.live.head);
    expect(world.replica.status().refusals.count).toBe(0);
  });

  it("that were rotated while a stream is open are fetched when a frame needs them", async () => {
    const world = await stream();
    await world.live.rotate();
    await world.change({ set: [limited("a")] });
    expect(reasonOf(world, "a")).toBe("restricted");
    expect(world.replica.status()).toMatchObject({ keysetVersion: 2, refusals: { count: 0 } });
  });
});

it("F1 · an authority restored under a raised epoch takes over, and what it lost is rolled back by its list", async () => {
  const world = await stream();
  await world.change({ set: [limited("a")] });
  world.live.lines.set("a", plan("a", "pro"));
  await world.live.restore(1);
  world.source.line.close();
  await vi.waitFor(() => {
    world.clock.pass(1_000);
    expect(world.replica.version).toEqual(world.live.version);
  });
  expect(world.replica.version?.epoch).toBe(2);
  expect(reasonOf(world, "a")).toBe("granted");
  await world.change({ set: [limited("b")] });
  expect(reasonOf(world, "b")).toBe("restricted");
});

it("F1 · an authority that lost versions without a raised epoch is refused", async () => {
  const world = await stream();
  const old = { head: world.live.head, keysets: world.live.keysets, parts: world.live.parts };
  await world.change({ set: [limited("a")] });
  await world.replica.refresh();
  world.source.feed = old;
  await world.replica.refresh();
  expect(world.replica.status().refusals.last?.code).toBe("statement_outdated");
  expect(world.replica.version).toEqual({ epoch: 1, seq: 2 });
  expect(reasonOf(world, "a")).toBe("restricted");
});
