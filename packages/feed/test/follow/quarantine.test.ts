import type { PolicyDocument } from "@dimmer/core";
import type { WireEntitlement } from "@dimmer/statement";
import { expect, it } from "vitest";
import { build, changedPolicy, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { MemorySource } from "./memory-source.ts";
import { follow, signers } from "./replica-fixture.ts";

/** The standard policy with one more plan and one more mode. */
const wider: PolicyDocument = changedPolicy((policy) => {
  policy.plans["gold"] = { features: { ...policy.plans["enterprise"]?.features, seats: 77 } };
  const [full, grace, ...rest] = policy.modes;
  const frozen = { ...structuredClone(policy.modes.find(({ name }) => name === "read_only")), name: "frozen" };
  policy.modes = [full, grace, frozen, ...rest] as typeof policy.modes;
});

const restrictedTo = (mode: string): Pick<WireEntitlement, "restrictions"> => ({
  restrictions: [{ cause: "breach", case: "c1", steps: [{ at: NOW_SECONDS - 1, mode }] }],
});
const others = tenants(3);
const first = await build(signers, {
  entitlements: [...others, { tenant: "a", plan: "pro", ...restrictedTo("limited") }],
});
const unknownPlan = await build(signers, {
  entitlements: [...others, { tenant: "a", plan: "gold" }, { tenant: "new", plan: "pro", ...restrictedTo("frozen") }],
  after: first,
  allowInvalid: true,
});
const known = await build(signers, {
  entitlements: [...others, { tenant: "a", plan: "gold" }, { tenant: "new", plan: "pro", ...restrictedTo("frozen") }],
  after: unknownPlan,
  policy: wider,
});

it("F3 · quarantines an entitlement with unknown names: the previous one counts, the version advances", async () => {
  const source = new MemorySource(first);
  const { replica } = await follow(source);
  source.feed = unknownPlan;
  await replica.refresh();
  expect(replica.version).toEqual(unknownPlan.version);
  expect(replica.check("a", "create", "admin")).toMatchObject({
    reason: "restricted",
    mode: "limited",
    cause: "breach",
  });
  expect(replica.about("a").cases).toEqual(["c1"]);
  expect(replica.value("a", "seats")).toBe(25);
  expect(replica.status()).toMatchObject({
    refusals: { count: 0 },
    tenants: 4,
    restricted: 1,
    quarantine: {
      count: 2,
      tenants: expect.arrayContaining([
        { tenant: "a", why: 'plan "gold"' },
        { tenant: "new", why: 'mode "frozen"' },
      ]) as unknown,
    },
  });
});

it("F3 · answers no_data for a quarantined tenant that had no entitlement, and counts it", async () => {
  const { replica } = await follow(new MemorySource(unknownPlan));
  for (let i = 0; i < 3; i += 1) {
    expect(replica.check("new", "create", "admin")).toMatchObject({
      allowed: true,
      reason: "no_data",
      freshness: "fallback",
    });
  }
  expect(replica.status().counters).toMatchObject({ noData: 3, unknownTenant: 0 });
});

it("F3 · tries again when the policy changes, in the same update", async () => {
  const source = new MemorySource(first);
  const { replica } = await follow(source);
  source.feed = unknownPlan;
  await replica.refresh();
  source.feed = known;
  await replica.refresh();
  expect(replica.status().quarantine.count).toBe(0);
  expect(replica.value("a", "seats")).toBe(77);
  expect(replica.check("a", "create", "admin")).toMatchObject({ reason: "granted" });
  expect(replica.check("new", "create", "admin")).toMatchObject({ reason: "restricted", mode: "frozen" });
});

it("F3 · tries again when only the policy changes", async () => {
  const source = new MemorySource(unknownPlan);
  const { replica } = await follow(source);
  expect(replica.status().quarantine.count).toBe(2);
  source.asked = [];
  source.feed = known;
  await replica.refresh();
  expect(source.asked.some((name) => name.startsWith("chunks/"))).toBe(false);
  expect(replica.status()).toMatchObject({ quarantine: { count: 0 }, tenants: 5 });
  expect(replica.check("new", "view", "admin")).toMatchObject({ allowed: true, mode: "frozen" });
});

it("F3 · lets tenants go on under the old policy when a new one no longer knows their names", async () => {
  const source = new MemorySource(known);
  const { replica } = await follow(source);
  const before = [
    replica.check("new", "create", "admin"),
    replica.check("new", "export", "member"),
    replica.value("a", "seats"),
  ];
  const narrower = await build(signers, {
    entitlements: [...others, { tenant: "a", plan: "gold" }, { tenant: "new", plan: "pro", ...restrictedTo("frozen") }],
    after: known,
    allowInvalid: true,
  });
  source.feed = narrower;
  await replica.refresh();
  expect(replica.version).toEqual(narrower.version);
  expect([
    replica.check("new", "create", "admin"),
    replica.check("new", "export", "member"),
    replica.value("a", "seats"),
  ]).toEqual(before);
  expect(
    replica
      .status()
      .quarantine.tenants.map(({ tenant }) => tenant)
      .sort(),
  ).toEqual(["a", "new"]);
  source.feed = await build(signers, { entitlements: [...others, { tenant: "a", plan: "pro" }], after: narrower });
  await replica.refresh();
  expect(replica.status().quarantine.count).toBe(0);
  expect(replica.value("a", "seats")).toBe(25);
});

it("F3 · a lock outranks quarantine", async () => {
  const lock = { tenant: "new", cause: "legal" as const, case: "L", since: NOW_SECONDS, allow: ["pay"] };
  const feed = await build(signers, {
    entitlements: [{ tenant: "new", plan: "gold" }],
    locks: [lock],
    allowInvalid: true,
  });
  const { replica } = await follow(new MemorySource(feed));
  expect(replica.check("new", "view", "admin")).toMatchObject({ reason: "locked" });
  expect(replica.check("new", "pay", "admin")).toMatchObject({ reason: "no_data" });
});

it("lists at most a hundred of the quarantined and counts them all", async () => {
  const feed = await build(signers, {
    entitlements: tenants(150).map((tenant) => ({ ...tenant, plan: "gold" })),
    allowInvalid: true,
  });
  const { replica } = await follow(new MemorySource(feed));
  const { quarantine, tenants: held } = replica.status();
  expect(quarantine.count).toBe(150);
  expect(quarantine.tenants).toHaveLength(100);
  expect(held).toBe(0);
});

it("F3 · keeps what counted when a policy forgets its names, also where nobody had asked about it before", async () => {
  const entitlements = [...others, { tenant: "a", plan: "gold" }, { tenant: "b", plan: "pro", features: { seats: 9 } }];
  const before = await build(signers, { entitlements, policy: wider });
  const forgetful = changedPolicy((policy) => {
    policy.fallback.no_data = { "*": "deny" };
  });
  const after = await build(signers, { entitlements, policy: forgetful, after: before, allowInvalid: true });
  const source = new MemorySource(before);
  const { replica } = await follow(source);
  source.feed = after;
  await replica.refresh();
  expect(replica.status().quarantine).toMatchObject({ count: 1, tenants: [{ tenant: "a", why: 'plan "gold"' }] });
  expect(replica.check("a", "create", "admin")).toMatchObject({ allowed: true, reason: "granted", freshness: "fresh" });
  expect(replica.value("a", "seats")).toBe(77);
});
