import { standardPolicy } from "@dimmer/core";
import { expect, it } from "vitest";
import { build, DAY_MS, NOW_MS, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { forge, nameOf, withParts } from "./forge.ts";
import { MemorySource } from "./memory-source.ts";
import { follow, signers } from "./replica-fixture.ts";

const lockOf = (tenant: string, allow: readonly string[] = []) => ({
  tenant,
  cause: "security" as const,
  case: `INC-${tenant}`,
  since: NOW_SECONDS - 60,
  allow,
});
const entitlements = tenants(10);
const locked = await build(signers, {
  entitlements,
  locks: [lockOf("tenant-1"), lockOf("tenant-2", ["pay"]), lockOf("nobody")],
});
const lifted = await build(signers, { entitlements, locks: [lockOf("tenant-2", ["pay"])], after: locked });

it("D2 · denies a locked tenant everything outside the lock's allow, at every time", async () => {
  const { replica, clock } = await follow(new MemorySource(locked));
  for (const wallMs of [NOW_MS, NOW_MS + 3 * 365 * DAY_MS, 0, NOW_MS - DAY_MS, 8e15]) {
    clock.wall = wallMs;
    clock.pass(20);
    for (const capability of standardPolicy.capabilities) {
      for (const principal of [undefined, "admin", "billing", "member", "service"] as const) {
        for (const tenant of ["tenant-1", "nobody"]) {
          expect(replica.check(tenant, capability, principal)).toMatchObject({
            allowed: false,
            reason: "locked",
            mode: "locked",
          });
        }
        const answer = replica.check("tenant-2", capability, principal);
        expect(answer.allowed, capability).toBe(capability === "pay");
      }
    }
    expect(replica.ask("tenant-1", { feature: "theme" })).toMatchObject({ allowed: false, reason: "locked" });
    expect(replica.ask("tenant-1", { capability: "view" }, { epoch: 99, seq: 0 })).toMatchObject({ reason: "locked" });
  }
});

it("D2 · is not ready before it holds a lock list", async () => {
  const source = new MemorySource(withParts(locked, { [nameOf(locked, "locks")]: undefined }));
  const { replica } = await follow(source);
  expect(replica.isReady).toBe(false);
  source.feed = locked;
  await replica.refresh();
  expect(replica.isReady).toBe(true);
  expect(replica.check("tenant-1", "view", "admin").allowed).toBe(false);
});

it("D3 · lifts a lock by a newer list, and tells", async () => {
  const source = new MemorySource(locked);
  const { replica, events } = await follow(source);
  events.length = 0;
  source.feed = lifted;
  await replica.refresh();
  expect(replica.check("tenant-1", "view", "admin")).toMatchObject({ allowed: true, reason: "granted", mode: "full" });
  expect(replica.check("nobody", "view", "admin")).toMatchObject({ reason: "unknown_tenant" });
  expect(replica.check("tenant-2", "view", "admin")).toMatchObject({ reason: "locked" });
  expect(events).toContainEqual({ type: "mode", tenant: "tenant-1", from: "locked", to: "full" });
  expect(events).toContainEqual({ type: "applied", version: lifted.version, tenants: ["nobody", "tenant-1"] });
  expect(replica.status()).toMatchObject({ locked: 1, locksVersion: lifted.locksVersion });
});

it("D3 · keeps a lock through replays, absence, errors and another content of the same version", async () => {
  const source = new MemorySource(locked);
  const { replica, clock } = await follow(source);
  const isLocked = (): boolean => replica.check("tenant-1", "view", "admin").reason === "locked";
  const none = await build(signers, { entitlements });
  const updates = [
    none,
    await forge(locked, signers, { locks: (locks) => ({ ...locks, locks: [] }) }),
    await forge(lifted, signers, { head: (head) => ({ ...head, seq: 9, locks: { ...head.locks, epoch: 0, seq: 0 } }) }),
    await forge(locked, signers, {
      locks: (locks) => ({ ...locks, locks: [] }),
      head: (head) => ({ ...head, seq: 9 }),
    }),
    withParts(lifted, { [nameOf(lifted, "locks")]: undefined }),
    withParts(lifted, { [nameOf(lifted, "chunks")]: undefined, [nameOf(lifted, "index")]: new Uint8Array(9) }),
  ];
  for (const update of updates) {
    source.feed = update;
    await replica.refresh();
    expect(isLocked()).toBe(true);
    expect(replica.status().sources[0]?.state).toBe("refused");
  }
  source.feed = undefined;
  await replica.refresh();
  clock.pass(400 * DAY_MS);
  expect(isLocked()).toBe(true);
});

it("D3 · refuses a newer head that names a lock list which was replaced", async () => {
  const source = new MemorySource(locked);
  const { replica } = await follow(source);
  const more = await build(signers, {
    entitlements,
    locks: [lockOf("tenant-1"), lockOf("tenant-5")],
    after: locked,
  });
  source.feed = more;
  await replica.refresh();
  expect(replica.check("tenant-5", "view", "admin").reason).toBe("locked");
  const newest = await build(signers, { entitlements, locks: [], after: more });
  const turned = await forge(newest, signers, { head: (head) => ({ ...head, locks: locked.headPayload.locks }) });
  source.feed = { ...turned, parts: new Map([...turned.parts, ...locked.parts]) };
  await replica.refresh();
  expect(replica.version).toEqual(more.version);
  expect(replica.check("tenant-5", "view", "admin").reason).toBe("locked");
  expect(replica.status().refusals.last).toMatchObject({ code: "statement_outdated" });
  expect(replica.status().refusals.last?.message).toBe("head: names lock list 1.1, but 1.2 is held");
});

it("D2 · places a whole list in one go: no answer in between sees half of it", async () => {
  const many = tenants(2_000);
  const open = await build(signers, { entitlements: many });
  const shut = await build(signers, {
    entitlements: many,
    locks: many.map(({ tenant }) => lockOf(tenant)),
    after: open,
  });
  const source = new MemorySource(open);
  const { replica, clock } = await follow(source);
  // The clock moves with every look at it, so that every slice is used up at once.
  clock.perReadMs = 5;
  const seen = new Set<number>();
  const turn = clock.turn.bind(clock);
  clock.turn = async () => {
    seen.add(many.filter(({ tenant }) => replica.check(tenant, "view", "admin").reason === "locked").length);
    await turn();
  };
  source.feed = shut;
  await replica.refresh();
  expect(clock.turns).toBeGreaterThan(10);
  expect([...seen].filter((count) => count !== 0 && count !== many.length)).toEqual([]);
  expect(replica.status().locked).toBe(2_000);
});

it("keeps the lock when the entitlement under it changes, and shows the new one once it is lifted", async () => {
  const source = new MemorySource(locked);
  const { replica } = await follow(source);
  const changed = entitlements.map((tenant) => ({ ...tenant, plan: "starter" }));
  const again = await build(signers, { entitlements: changed, locks: [lockOf("tenant-1")], after: locked });
  source.feed = again;
  await replica.refresh();
  expect(replica.check("tenant-1", "view", "admin")).toMatchObject({ reason: "locked" });
  expect(replica.value("tenant-1", "seats")).toBe(5);
  source.feed = await build(signers, { entitlements: changed, after: again });
  await replica.refresh();
  expect(replica.check("tenant-1", "view", "admin")).toMatchObject({ reason: "granted" });
  expect(replica.value("tenant-1", "seats")).toBe(5);
  expect(replica.status()).toMatchObject({ tenants: 10, locked: 0 });
});

it("changes what a lock allows", async () => {
  const source = new MemorySource(locked);
  const { replica } = await follow(source);
  expect(replica.check("tenant-1", "pay", "admin").allowed).toBe(false);
  source.feed = await build(signers, { entitlements, locks: [lockOf("tenant-1", ["pay", "export"])], after: locked });
  await replica.refresh();
  expect(replica.check("tenant-1", "pay", "admin").allowed).toBe(true);
  expect(replica.check("tenant-1", "view", "admin").allowed).toBe(false);
});
