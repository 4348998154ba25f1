import { diskStore } from "@dimmer/feed/node";
import { expect, it, vi } from "vitest";
import { changedPolicy, NOW_SECONDS } from "../build/fixture.ts";
import { MemoryDisk } from "../node/memory-disk.ts";
import { LiveFeed } from "./live-feed.ts";
import { MemorySource } from "./memory-source.ts";
import { MemoryStore } from "./memory-store.ts";
import { follow, signers } from "./replica-fixture.ts";
import { limited, lockOf, plan, reasonOf, seats, soon, stream } from "./stream-fixture.ts";
import { StreamSource } from "./stream-source.ts";

const nowhere = (): MemorySource => new MemorySource(undefined);

it("F1 · what a stream brought counts after a crash without a source: versions, tenants, locks and policy", async () => {
  const store = new MemoryStore();
  const world = await stream(undefined, store);
  const policy = changedPolicy((document) => {
    document.version = "newer";
  });
  await world.change({ set: [limited("a")], policy });
  await world.change({ set: [plan("new", "starter")], locks: [lockOf("b")] });
  const again = await follow(nowhere(), { store: store.copy() });
  expect(again.replica.version).toEqual({ epoch: 1, seq: 3 });
  expect(again.replica.status().locksVersion).toEqual({ epoch: 1, seq: 3 });
  expect([reasonOf(again, "a"), reasonOf(again, "b"), seats(again, "new")]).toEqual(["restricted", "locked", 5]);
  expect(again.replica.policy.document.version).toBe("newer");
  expect(again.replica.framesSince({ epoch: 1, seq: 1 })).not.toBe("list again");
});

it("D3 · a lock list that came alone is on the disk before it counts", async () => {
  const store = new MemoryStore();
  const world = await stream(undefined, store);
  const frames = await world.live.publish({ locks: [lockOf("a")] });
  world.source.send(frames.filter(({ event }) => event === "locks"));
  await expect.poll(() => reasonOf(world, "a")).toBe("locked");
  const again = await follow(nowhere(), { store: store.copy() });
  expect(reasonOf(again, "a")).toBe("locked");
});

it("F1 · D3 · what a rotated key signed counts after a crash, for its keyset is kept with it", async () => {
  const store = new MemoryStore();
  const world = await stream(undefined, store);
  await world.live.rotate();
  await world.change({ set: [limited("a")] });
  const again = await follow(nowhere(), { store: store.copy() });
  expect(again.replica.version).toEqual({ epoch: 1, seq: 2 });
  expect(reasonOf(again, "a")).toBe("restricted");
});

it("keeps a burst in a write or two", async () => {
  const store = new MemoryStore();
  const world = await stream(undefined, store);
  const { promise, resolve } = Promise.withResolvers<void>();
  const append = store.append.bind(store);
  store.append = async (frames) => {
    await promise;
    await append(frames);
  };
  for (let i = 0; i < 40; i += 1) world.source.send(await world.live.publish({ set: [plan(`t${i}`, "pro")] }));
  resolve();
  await expect.poll(() => world.replica.version).toEqual(world.live.version);
  expect(store.appends).toBeGreaterThan(0);
  expect(store.appends).toBeLessThanOrEqual(3);
});

it("does not wait for a slow disk for longer than two seconds", async () => {
  const store = new MemoryStore();
  const world = await stream(undefined, store);
  const { promise, resolve } = Promise.withResolvers<void>();
  store.append = () => promise;
  world.source.send(await world.live.publish({ locks: [lockOf("a")] }));
  await expect.poll(() => world.source.line).toBeDefined();
  await vi.waitFor(() => {
    world.clock.pass(500);
    expect(reasonOf(world, "a")).toBe("locked");
  });
  resolve();
});

it("F1 · makes good what a full disk did not take with the next write that it takes", async () => {
  const store = new MemoryStore();
  const world = await stream(undefined, store);
  store.fault = new Error("no space left on device");
  await world.change({ set: [limited("a")] });
  await expect.poll(() => world.replica.status().store).toMatchObject({ state: "failing" });
  store.fault = undefined;
  await world.change({ set: [limited("b")] });
  await expect.poll(() => world.replica.status().store).toMatchObject({ state: "ok" });
  const again = await follow(nowhere(), { store: store.copy() });
  expect(again.replica.version).toEqual({ epoch: 1, seq: 3 });
  expect([reasonOf(again, "a"), reasonOf(again, "b")]).toEqual(["restricted", "restricted"]);
});

it("F7 · forgets the frames that a newer index covers", async () => {
  const store = new MemoryStore();
  const world = await stream(undefined, store);
  await world.change({ set: [limited("a")], locks: [lockOf("b")] });
  await world.live.list();
  await world.change({ set: [plan("c", "pro")] });
  expect(store.generations[0]?.frames?.length).toBeGreaterThan(3);
  await world.replica.refresh();
  await expect.poll(() => store.generations[0]?.frames?.map(({ version }) => version.seq)).toEqual([3]);
  expect(store.generations).toHaveLength(2);
  const again = await follow(nowhere(), { store: store.copy() });
  expect(again.replica.version).toEqual({ epoch: 1, seq: 3 });
  expect([reasonOf(again, "a"), reasonOf(again, "b"), reasonOf(again, "c")]).toEqual([
    "restricted",
    "locked",
    "granted",
  ]);
});

it("F3 · carries a tenant whose last entitlement that counted came with a delta across a restart", async () => {
  const store = new MemoryStore();
  const world = await stream(undefined, store);
  await world.change({ set: [limited("a")] });
  const steps = [{ at: NOW_SECONDS - 60, mode: "frozen" }];
  await world.change({ set: [{ ...plan("a", "pro"), restrictions: [{ cause: "breach", case: "c", steps }] }] });
  await world.live.list();
  await world.replica.refresh();
  await world.replica.close();
  expect(store.generations[0]).toMatchObject({ carried: [{ tenants: ["a"], delta: expect.any(String) as unknown }] });
  const again = await follow(nowhere(), { store });
  expect(reasonOf(again, "a")).toBe("restricted");
  expect(again.replica.check("a", "create", "member")).toMatchObject({ mode: "limited", cause: "nonpayment" });
});

it("F5 · a torn frame on the disk ends the deltas there, and no lock list behind it is lost", async () => {
  const disk = new MemoryDisk();
  const live = await LiveFeed.of(signers, { set: [plan("a", "pro"), plan("b", "pro")] });
  const source = new StreamSource(live);
  const world = await follow(source, { store: diskStore("/data", { files: disk.files }) });
  await expect.poll(() => world.replica.status().sources[0]?.following).toBe("streaming");
  for (const change of [{ set: [limited("a")] }, { set: [limited("b")] }, { locks: [lockOf("c")] }]) {
    source.send(await live.publish(change));
    await soon(world, () => expect(world.replica.version).toEqual(live.version));
  }
  const [path = ""] = (await disk.files.list("/data/streams")).map((name) => `/data/streams/${name}`);
  const text = new TextDecoder().decode(await disk.files.read(path, 1e9));
  const lines = text.split("\n").filter((line) => line !== "");
  const second = lines.findIndex((line) => line.includes('"delta"') && line.includes('"seq":3'));
  const torn = lines.with(second, (lines[second] as string).slice(0, 80));
  await disk.files.write(path, new TextEncoder().encode(torn.join("\n")));
  const again = await follow(nowhere(), { store: diskStore("/data", { files: disk.afterCrash("all").files }) });
  expect(again.replica.version).toEqual({ epoch: 1, seq: 2 });
  expect([reasonOf(again, "a"), reasonOf(again, "b"), reasonOf(again, "c")]).toEqual([
    "restricted",
    "granted",
    "locked",
  ]);
});

it("F1 · F5 · a crash at any step of keeping what a stream brought loses nothing that counted", async () => {
  const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
  const begun = new MemoryDisk();
  const first = await follow(new MemorySource(live), { store: diskStore("/data", { files: begun.files }) });
  await first.replica.close();
  await live.publish({ set: [limited("a")], locks: [lockOf("b")] });
  await live.publish({ set: [plan("c", "pro")] });
  for (let step = 1; step < 60; step += 1) {
    for (const survival of ["none", "all"] as const) {
      const disk = begun.afterCrash("none");
      const source = new StreamSource(live);
      const world = await follow(source, { store: diskStore("/data", { files: disk.files }) });
      disk.fault = { step: disk.steps + step, isCrash: true };
      await expect.poll(() => world.replica.version).toEqual(live.version);
      const isKept = disk.steps < disk.fault.step && world.replica.status().store?.state === "ok";
      const again = await follow(nowhere(), { store: diskStore("/data", { files: disk.afterCrash(survival).files }) });
      const { version, locksVersion } = again.replica.status();
      expect(version?.seq, disk.last).toBeGreaterThanOrEqual(isKept ? 3 : 1);
      expect(reasonOf(again, "b") === "locked", disk.last).toBe(locksVersion?.seq === 2);
      if (isKept) return;
    }
  }
  throw new Error("no step was the last");
}, 60_000);

it("keeps the name under which it acknowledges", async () => {
  const disk = new MemoryDisk();
  const store = (): ReturnType<typeof diskStore> => diskStore("/data", { files: disk.files });
  const live = await LiveFeed.of(signers, { set: [plan("a", "pro")] });
  const names: (string | undefined)[] = [];
  for (let i = 0; i < 2; i += 1) {
    const source = new StreamSource(live);
    const { replica, clock } = await follow(source, { store: store() });
    clock.pass(20);
    await expect.poll(() => source.acks.length).toBe(1);
    names.push(source.acks[0]?.replica);
    await replica.close();
  }
  expect(names[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(names[1]).toBe(names[0]);
});
