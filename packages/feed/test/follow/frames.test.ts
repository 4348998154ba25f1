import type { Replica, WatchEvent } from "@dimmer/feed/follow";
import { readWatch } from "@dimmer/feed/lean";
import { expect, it } from "vitest";
import { FrameRing } from "../../src/follow/frame-ring.ts";
import { FakeClock } from "./fake-clock.ts";
import { LiveFeed } from "./live-feed.ts";
import { follow, signers } from "./replica-fixture.ts";
import { limited, lockOf, plan, reasonOf, stream } from "./stream-fixture.ts";
import { StreamSource } from "./stream-source.ts";

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined };
const kinds = (frames: readonly WatchEvent[] | "list again"): unknown =>
  frames === "list again" ? frames : frames.map(({ event }) => event);
const at = (seq: number, epoch = 1): { epoch: number; seq: number } => ({ epoch, seq });

it("serves the frames after a version again, byte for byte, policy and locks before their delta, the newest head last", async () => {
  const { change, replica, live } = await stream();
  const first = await change({ set: [limited("a")], locks: [lockOf("b")] });
  await change({ set: [plan("c", "pro")] });
  await expect.poll(() => kinds(replica.framesSince(at(1)))).toEqual(["locks", "delta", "delta", "head"]);
  const frames = replica.framesSince(at(1)) as readonly WatchEvent[];
  expect(frames.slice(0, 2)).toEqual([first[0], { ...first[1], version: at(2) }]);
  expect(frames.at(-1)).toEqual({ event: "head", data: live.head });
  expect(kinds(replica.framesSince(at(2)))).toEqual(["delta", "head"]);
  expect(kinds(replica.framesSince(at(3)))).toEqual(["head"]);
  expect(kinds(replica.framesSince(at(1), { tenants: false }))).toEqual(["locks", "head"]);
});

it.each([
  ["older than what is kept", at(0)],
  ["ahead of it", at(9)],
  ["of another epoch", at(1, 2)],
])("has a reader list again whose version is %s", async (_, from) => {
  const { replica } = await stream();
  expect(replica.framesSince(from)).toBe("list again");
});

it("tells frames once they are in force", async () => {
  const world = await stream();
  const told: [unknown, string, Replica["version"]][] = [];
  const stop = world.replica.onFrames((frames) =>
    told.push([kinds(frames), reasonOf(world, "a"), world.replica.version]),
  );
  world.replica.onFrames(() => {
    throw new Error("a listener's own");
  });
  await world.change({ set: [plan("b", "pro")], locks: [lockOf("a")] });
  await expect.poll(() => told.length).toBe(3);
  expect(told).toEqual([
    [["locks"], "locked", at(1)],
    [["delta"], "locked", at(2)],
    [["head"], "locked", at(2)],
  ]);
  stop();
  await world.change({ set: [plan("b", "starter")] });
  expect(told).toHaveLength(3);
  expect(world.logged).toContain("a listener to the frames of the replica threw");
});

it("tells the head alone after a jump, and has readers from before it list again", async () => {
  const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
  const source = new StreamSource(live);
  source.watchFault = new Error("no stream");
  const { replica } = await follow(source);
  const told: unknown[] = [];
  replica.onFrames((frames) => told.push(kinds(frames)));
  await live.publish({ set: [limited("a")] });
  await live.publish({ set: [limited("b")] });
  await live.list();
  await replica.refresh();
  expect(told).toEqual([["head"]]);
  expect(replica.framesSince(at(1))).toBe("list again");
  expect(kinds(replica.framesSince(at(3)))).toEqual(["head"]);
});

it.each([
  ["1,024 versions", 1_100, 10, 1_024],
  ["16 MiB", 20, 1 << 20, 16],
])("F7 · keeps at most %s", (_, count, bytes, kept) => {
  const ring = new FrameRing(SILENT);
  for (let seq = 1; seq <= count; seq += 1) {
    ring.add({ event: "delta", data: `${seq}`.padEnd(bytes, ".") }, seq - 1, at(seq));
  }
  expect(ring.since(at(count - kept), true)).toHaveLength(kept);
  expect(ring.since(at(count - kept - 1), true)).toBe("list again");
  expect([ring.has("1".padEnd(bytes, ".")), ring.has(`${count}`.padEnd(bytes, "."))]).toEqual([false, true]);
});

it("reads a stream without tenants for whoever keeps no replica", async () => {
  const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
  const source = new StreamSource(live);
  const taken: WatchEvent[] = [];
  const abort = new AbortController();
  const reading = readWatch(source, {
    from: live.version,
    tenants: false,
    clock: new FakeClock(0),
    signal: abort.signal,
    take: async (events) => {
      taken.push(...events);
      return taken.length < 3 ? "go on" : "stop";
    },
  });
  await expect.poll(() => taken.length).toBe(1);
  expect(source.line.tenants).toBe(false);
  source.send((await live.publish({ locks: [lockOf("a")] })).filter(({ event }) => event !== "delta"));
  expect(await reading).toEqual({ reason: "stopped" });
  expect(kinds(taken)).toEqual(["head", "locks", "head"]);
  await expect.poll(() => source.line.isAbandoned).toBe(true);
});

it("F7 · reads no further ahead of a slow taker than its bound", async () => {
  const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
  const source = new StreamSource(live);
  const { promise, resolve } = Promise.withResolvers<"go on">();
  const clock = new FakeClock(0);
  const sizes: number[] = [];
  const abort = new AbortController();
  const reading = readWatch(source, {
    from: live.version,
    tenants: true,
    clock,
    signal: abort.signal,
    take: async (events) => {
      sizes.push(events.length);
      return await promise;
    },
  });
  await expect.poll(() => source.lines.length).toBe(1);
  source.send(Array.from({ length: 5_000 }, (_, i) => ({ event: "head" as const, data: `${i}` })));
  await expect.poll(() => source.line.waiting).toBeLessThan(4_000);
  await expect.poll(() => source.line.waiting).toBeGreaterThan(3_900);
  // A line that is not read for long is not taken for a dead one.
  clock.pass(60_000);
  expect(source.line.isAbandoned).toBe(false);
  resolve("go on");
  await expect.poll(() => sizes.reduce((sum, size) => sum + size, 0)).toBe(5_001);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(1_024);
  abort.abort();
  expect(await reading).toEqual({ reason: "stopped" });
});
