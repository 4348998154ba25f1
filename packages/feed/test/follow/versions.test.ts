import { expect, it } from "vitest";
import { build, DAY_MS, NOW_MS, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { forge } from "./forge.ts";
import { MemorySource } from "./memory-source.ts";
import { follow, signers } from "./replica-fixture.ts";

const plan = (name: string) => tenants(5).map((tenant) => ({ ...tenant, plan: name }));
const first = await build(signers, { entitlements: plan("pro") });
const second = await build(signers, { entitlements: plan("starter"), after: first });
const third = await build(signers, { entitlements: plan("enterprise"), after: second });
const renewed = await build(signers, { entitlements: plan("starter"), after: second, nowMs: NOW_MS + 30_000 });

it("F1 · refuses a head older than the one held, and keeps what it has", async () => {
  const source = new MemorySource(second);
  const { replica } = await follow(source);
  source.feed = first;
  await replica.refresh();
  expect(replica.version).toEqual(second.version);
  expect(replica.value("tenant-1", "seats")).toBe(5);
  expect(replica.status().refusals.last).toMatchObject({ code: "statement_outdated" });
  expect(replica.status().refusals.last?.message).toBe("head: has version 1.1, but 1.2 is held");
});

it("F1 · refuses a greater seq of a lower epoch", async () => {
  const raised = await build(signers, { entitlements: plan("pro"), after: second, raiseEpoch: true });
  const source = new MemorySource(raised);
  const { replica } = await follow(source);
  const version = replica.version;
  expect(version?.epoch).toBe(2);
  source.feed = third;
  await replica.refresh();
  expect(replica.version).toEqual(version);
  expect(replica.status().refusals.last).toMatchObject({ code: "statement_outdated" });
});

it("F1 · takes the newest head of several sources, whichever is asked first", async () => {
  const lagging = new MemorySource(first, { name: "lagging" });
  const { replica } = await follow([lagging, new MemorySource(third, { name: "ahead" })]);
  expect(replica.version).toEqual(third.version);
  const { sources } = replica.status();
  expect(sources.map(({ name, state }) => [name, state])).toContainEqual(["ahead", "ok"]);
  await replica.refresh();
  expect(replica.version).toEqual(third.version);
});

it("refuses another content under the version that is held", async () => {
  const other = await build(signers, { entitlements: plan("enterprise"), after: first });
  expect(other.version).toEqual(second.version);
  const source = new MemorySource(second);
  const { replica } = await follow(source);
  source.feed = other;
  await replica.refresh();
  expect(replica.value("tenant-1", "seats")).toBe(5);
  expect(replica.status().refusals.last).toMatchObject({ code: "feed_refused" });
  expect(replica.status().refusals.last?.message).toMatch(/has the version that is held, but another content/);
});

it("renews the freshness from a newer head of the same version, and reads nothing else", async () => {
  expect(renewed.version).toEqual(second.version);
  const source = new MemorySource(second);
  const { replica, clock, events } = await follow(source);
  const asked = source.asked.length;
  clock.pass(59_000);
  expect(replica.status().freshness).toBe("fresh");
  source.feed = renewed;
  await replica.refresh();
  clock.pass(20_000);
  expect(replica.status().freshness).toBe("fresh");
  expect(source.asked).toHaveLength(asked);
  expect(replica.readHead()?.token).toBe(renewed.head);
  expect(events.map(({ type }) => type)).toEqual(["ready", "applied"]);
});

it("does not let an older head of the same version take the freshness away", async () => {
  const source = new MemorySource(renewed);
  const { replica } = await follow(source);
  source.feed = second;
  await replica.refresh();
  expect(replica.status().freshUntilMs).toBe((NOW_SECONDS + 90) * 1_000);
  expect(replica.readHead()?.token).toBe(renewed.head);
});

it("reads only the chunks that changed", async () => {
  const many = tenants(40);
  const before = await build(signers, { entitlements: many });
  const one = many.map((tenant) => (tenant.tenant === "tenant-7" ? { ...tenant, plan: "starter" } : tenant));
  const after = await build(signers, { entitlements: one, after: before });
  const source = new MemorySource(before);
  const { replica } = await follow(source);
  source.asked = [];
  source.feed = after;
  await replica.refresh();
  expect(new Set(source.asked.map((name) => name.split("/")[0]))).toEqual(new Set(["chunks", "index"]));
  expect(source.asked).toHaveLength(2);
  expect(replica.value("tenant-7", "seats")).toBe(5);
  expect(replica.value("tenant-8", "seats")).toBe(25);
});

it("goes on from what was good when an update fails half-way", async () => {
  const many = tenants(40);
  const before = await build(signers, { entitlements: many });
  const after = await build(signers, { entitlements: many.map((t) => ({ ...t, plan: "starter" })), after: before });
  const source = new MemorySource(before);
  const { replica } = await follow(source);
  const lost = [...after.parts.keys()].filter((name) => name.startsWith("chunks/") && !before.parts.has(name)).at(-1);
  source.feed = { ...after, parts: new Map([...after.parts].filter(([name]) => name !== lost)) };
  await replica.refresh();
  expect(replica.version).toEqual(before.version);
  source.asked = [];
  source.feed = after;
  await replica.refresh();
  expect(replica.version).toEqual(after.version);
  expect(source.asked.filter((name) => name.startsWith("chunks/"))).toEqual([lost]);
});

it("takes an index older than its head, and then has the index's version", async () => {
  const ahead = await forge(first, signers, { head: (head) => ({ ...head, seq: head.seq + 5 }) });
  const { replica } = await follow(new MemorySource(ahead));
  expect(replica.version).toEqual(first.version);
  expect(replica.status().refusals.count).toBe(0);
});

it("follows a change of the number of buckets", async () => {
  const few = tenants(50);
  const many = tenants(17_000);
  const small = await build(signers, { entitlements: few });
  const large = await build(signers, { entitlements: many, after: small });
  expect(large.counts.buckets).toBeGreaterThan(small.counts.buckets);
  const source = new MemorySource(small);
  const { replica } = await follow(source);
  source.feed = large;
  await replica.refresh();
  expect(replica.status()).toMatchObject({ tenants: 17_000, counters: { keptMissing: 0 }, refusals: { count: 0 } });
  const gone = many.slice(0, 100).map(({ tenant }) => ({ tenant, gone: NOW_SECONDS }));
  source.feed = await build(signers, {
    entitlements: [...gone, ...many.slice(100, 200)],
    after: large,
    nowMs: NOW_MS + DAY_MS,
  });
  await replica.refresh();
  expect(replica.status()).toMatchObject({ tenants: 100, counters: { keptMissing: 0 } });
});
