import { expect, it } from "vitest";
import { build, changedPolicy, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { MemorySource } from "./memory-source.ts";
import { follow, signers } from "./replica-fixture.ts";

const many = tenants(3_000);
const restrictions = [{ cause: "manual" as const, case: "c", steps: [{ at: NOW_SECONDS - 1, mode: "limited" }] }];
const first = await build(signers, { entitlements: many });
const second = await build(signers, {
  entitlements: many.map((tenant) => ({ ...tenant, restrictions })),
  after: first,
});

it("applies a generation in slices of at most 4 ms, and answers between them", async () => {
  const source = new MemorySource(first);
  const { replica, clock, events } = await follow(source);
  const narrowed = (): number => many.filter(({ tenant }) => !replica.check(tenant, "create", "admin").allowed).length;
  clock.perReadMs = 1;
  const seen: number[] = [];
  const sliceMs: number[] = [];
  let startMs = clock.monotonic;
  const turn = clock.turn.bind(clock);
  clock.turn = async () => {
    sliceMs.push(clock.monotonic - startMs);
    clock.perReadMs = 0;
    seen.push(narrowed());
    clock.perReadMs = 1;
    await turn();
    startMs = clock.monotonic;
  };
  source.feed = second;
  await replica.refresh();
  // Each look at this clock takes 1 ms, and the fourth is one too many.
  expect(Math.max(...sliceMs.slice(1))).toBeLessThanOrEqual(5);
  expect(new Set(seen).size).toBeGreaterThan(5);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(narrowed()).toBe(3_000);
  expect(events.filter(({ type }) => type === "mode")).toHaveLength(3_000);
  expect(events.at(-1)).toEqual({ type: "applied", version: second.version, tenants: expect.any(Array) as unknown });
});

it("verifies all of a generation before any of it counts", async () => {
  const source = new MemorySource(first);
  const { replica, clock } = await follow(source);
  clock.perReadMs = 1;
  const last = [...second.parts.keys()].filter((name) => name.startsWith("chunks/")).at(-1) as string;
  const turn = clock.turn.bind(clock);
  clock.turn = async () => {
    expect(many.every(({ tenant }) => replica.check(tenant, "create", "admin").allowed)).toBe(true);
    await turn();
  };
  const parts = new Map(second.parts).set(last, new TextEncoder().encode("x\n"));
  source.feed = { ...second, parts };
  await replica.refresh();
  expect(clock.turns).toBeGreaterThan(5);
  expect(replica.status().refusals.count).toBe(1);
});

it("has the version only once all of the generation counts", async () => {
  const source = new MemorySource(first);
  const { replica, clock } = await follow(source);
  clock.perReadMs = 1;
  const turn = clock.turn.bind(clock);
  clock.turn = async () => {
    expect(replica.version).toEqual(first.version);
    await turn();
  };
  source.feed = second;
  await replica.refresh();
  expect(replica.version).toEqual(second.version);
});

it("puts a policy in force for everybody at once", async () => {
  const open = changedPolicy((policy) => {
    policy.fallback.unknown_tenant = { "*": "deny" };
    const limited = policy.modes.find(({ name }) => name === "limited");
    if (limited !== undefined) limited.admits = { ...limited.admits, create: "all" };
  });
  const widened = await build(signers, {
    entitlements: many.map((tenant) => ({ ...tenant, restrictions })),
    after: second,
    policy: open,
  });
  const source = new MemorySource(second);
  const { replica, clock, events } = await follow(source);
  clock.perReadMs = 1;
  const seen = new Set<string>();
  const turn = clock.turn.bind(clock);
  clock.turn = async () => {
    const allowed = many.filter(({ tenant }) => replica.check(tenant, "create", "admin").allowed).length;
    seen.add(`${allowed} ${replica.check("stranger", "view", "admin").allowed}`);
    await turn();
  };
  source.feed = widened;
  await replica.refresh();
  expect([...seen].filter((state) => state !== "0 true" && state !== "3000 false")).toEqual([]);
  expect(replica.check("tenant-1", "create", "admin").allowed).toBe(true);
  expect(events.at(-1)).toEqual({ type: "applied", version: widened.version, tenants: "all" });
});

it("tells of more than ten thousand changed tenants as all", async () => {
  const crowd = tenants(10_500);
  const before = await build(signers, { entitlements: crowd });
  const source = new MemorySource(before);
  const { replica, events } = await follow(source);
  source.feed = await build(signers, { entitlements: crowd.map((t) => ({ ...t, plan: "starter" })), after: before });
  await replica.refresh();
  expect(events.at(-1)).toMatchObject({ type: "applied", tenants: "all" });
});
