import { DimmerError } from "@dimmer/core";
import { followFeed, SourceFault } from "@dimmer/feed/follow";
import { httpSource } from "@dimmer/feed/node";
import { expect, it } from "vitest";
import { Backoff } from "../../src/follow/backoff.ts";
import { IntakeQueue } from "../../src/follow/intake-queue.ts";
import { build, NOW_MS, tenants } from "../build/fixture.ts";
import { FakeClock } from "./fake-clock.ts";
import { MemorySource } from "./memory-source.ts";
import { follow, signers, trust } from "./replica-fixture.ts";

const first = await build(signers, { entitlements: tenants(5) });
const second = await build(signers, { entitlements: tenants(6), after: first });

/** Lets what the clock has set off come to its end. */
async function rest(clock: FakeClock): Promise<void> {
  for (let i = 0; i < 50; i += 1) await clock.turn();
}

/** Milliseconds between the next questions to a source, as many as `count`. */
async function gapsOf(source: MemorySource, clock: FakeClock, count: number): Promise<number[]> {
  const gaps: number[] = [];
  for (let i = 0, last = clock.monotonic, { heads } = source; gaps.length < count && i < 1_000; i += 1) {
    clock.pass(100);
    await rest(clock);
    if (source.heads === heads) continue;
    heads = source.heads;
    gaps.push(clock.monotonic - last);
    last = clock.monotonic;
  }
  return gaps;
}

it("asks each source again after pollMs", async () => {
  const source = new MemorySource(first);
  const { replica, clock } = await follow(source, { pollMs: 200 });
  expect(source.heads).toBe(1);
  clock.pass(199);
  await rest(clock);
  expect(source.heads).toBe(1);
  source.feed = second;
  clock.pass(1);
  await rest(clock);
  expect(source.heads).toBe(2);
  await expect.poll(() => replica.version).toEqual(second.version);
});

it("leaves a failing network source alone for longer and longer, and another goes on", async () => {
  const failing = new MemorySource(undefined, { name: "failing" });
  const good = new MemorySource(first, { name: "good" });
  const { replica, clock } = await follow([failing, good], { pollMs: 200 });
  // Half of 1 s, 2 s, 4 s, … with a random number of 0.5.
  expect(await gapsOf(failing, clock, 5)).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
  expect(good.heads).toBeGreaterThan(70);
  failing.feed = second;
  await replica.refresh();
  expect(replica.version).toEqual(second.version);
  const { heads } = failing;
  clock.pass(200);
  await rest(clock);
  expect(failing.heads).toBe(heads + 1);
});

it("honours how long a source asks to be left alone", async () => {
  const source = new MemorySource(first);
  source.fault = new SourceFault("busy", { retryAfterMs: 60_000 });
  const { clock } = await follow(source, { pollMs: 200 });
  clock.pass(59_000);
  await rest(clock);
  expect(source.heads).toBe(1);
  clock.pass(1_000);
  await rest(clock);
  expect(source.heads).toBe(2);
});

it("asks a directory again at the next poll whatever it answered", async () => {
  const source = new MemorySource(undefined, { kind: "directory" });
  const { replica, clock } = await follow(source, { pollMs: 200 });
  for (let i = 0; i < 5; i += 1) {
    clock.pass(200);
    await rest(clock);
  }
  expect(source.heads).toBe(6);
  source.feed = first;
  clock.pass(200);
  await replica.ready();
});

it("reports an error that no source should raise, and goes on", async () => {
  const source = new MemorySource(first);
  source.fault = new TypeError("undefined is not a function");
  const { replica } = await follow(source);
  expect(replica.status().refusals.last).toMatchObject({
    code: "feed_refused",
    message: "unexpected: undefined is not a function",
  });
  source.fault = new DimmerError("disk_failed", "cannot read");
  await replica.refresh();
  expect(replica.status().sources[0]).toMatchObject({ state: "failing", lastError: "cannot read" });
  source.fault = undefined;
  await replica.refresh();
  expect(replica.status().sources[0]).toMatchObject({ state: "ok", lastError: "cannot read" });
});

it("lets another source overtake one that drips", async () => {
  const dripping = new MemorySource(second, { name: "dripping" });
  const { promise, resolve } = Promise.withResolvers<void>();
  dripping.gate = promise;
  const good = new MemorySource(undefined, { name: "good" });
  const clock = new FakeClock(NOW_MS);
  const replica = followFeed({ sources: [dripping, good], trust: [trust], audience: "test", clock, random: () => 0.5 });
  await rest(clock);
  good.feed = first;
  const refreshed = replica.refresh();
  await rest(clock);
  expect(replica.isReady).toBe(false);
  for (let i = 0; i < 8; i += 1) {
    clock.pass(5_000);
    await rest(clock);
  }
  // What drips is let go when its next byte comes, or its own time is up.
  resolve();
  await refreshed;
  expect(replica.isReady).toBe(true);
  await replica.close();
});

it("backs off with full jitter from 1 s, doubling to 5 min", () => {
  const longest = new Backoff(() => 0.999_999);
  const delays = Array.from({ length: 12 }, () => Math.round(longest.next() / 1_000));
  expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
  longest.reset();
  expect(Math.round(longest.next())).toBe(1_000);
  expect(new Backoff(() => 0).next()).toBe(50);
  expect(new Backoff(() => 0).next(86_400_000)).toBe(3_600_000);
});

it("asks a source on this machine again within 5 s, however long it was away", async () => {
  const near = new Backoff(() => 0.999_999, true);
  const delays = Array.from({ length: 12 }, () => Math.round(near.next() / 1_000));
  expect(delays).toEqual([1, 2, 4, ...Array.from({ length: 9 }, () => 5)]);
  expect(near.next(60_000)).toBe(60_000);

  const failing = Object.assign(new MemorySource(undefined), { isNear: true });
  const { clock } = await follow(failing, { pollMs: 200 });
  // Half of each bound with a random number of 0.5.
  expect(await gapsOf(failing, clock, 6)).toEqual([500, 1_000, 2_000, 2_500, 2_500, 2_500]);
  expect(httpSource("unix:/run/feed.sock").isNear).toBe(true);
  expect(httpSource("http://127.0.0.1:7301").isNear).toBe(true);
  expect(httpSource("https://authority.example.com").isNear).toBe(false);
});

it("forgets most failures of a source that gave something, and all of one that stays", () => {
  const longest = new Backoff(() => 0.999_999);
  for (let i = 0; i < 12; i += 1) longest.next();
  longest.ease();
  expect([longest.next(), longest.next()].map((ms) => Math.round(ms / 1_000))).toEqual([8, 16]);
  longest.reset();
  longest.ease();
  expect(Math.round(longest.next())).toBe(1_000);
});

it("runs one intake at a time, in the order of arrival, and goes on after one that fails", async () => {
  const queue = new IntakeQueue(new FakeClock(0));
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const one = queue.run(async () => {
    order.push("one begins");
    await promise;
    order.push("one ends");
    throw new Error("no");
  });
  const two = queue.run(async () => {
    order.push("two");
    return 2;
  });
  resolve();
  await expect(one).rejects.toThrow("no");
  expect(await two).toBe(2);
  expect(order).toEqual(["one begins", "one ends", "two"]);
});

it("refuses options that are wrong, naming them", () => {
  const clock = new FakeClock(NOW_MS);
  const good = { sources: [new MemorySource()], trust: [trust], clock };
  expect(() => followFeed({ ...good, sources: [] })).toThrow(/^sources: /);
  expect(() => followFeed({ ...good, trust: [] })).toThrow(/^trust: /);
  expect(() => followFeed({ ...good, trust: ["SHA256:short"] })).toThrow(/^trust: SHA256:short/);
  expect(() => followFeed({ ...good, audience: "a b" })).toThrow(/^audience: /);
  expect(() => followFeed({ ...good, pollMs: 5 })).toThrow(/^pollMs: /);
  expect(() => followFeed({ ...good, pollMs: Number.NaN })).toThrow(/^pollMs: /);
  expect(() => followFeed({ ...good, fallbackPolicy: {} as never })).toThrow(/^fallbackPolicy: does not lint/);
  expect(clock.timers).toBe(0);
});
