import { expect, it } from "vitest";
import { build, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { forge } from "./forge.ts";
import { MemorySource, type ServedFeed } from "./memory-source.ts";
import { follow, signers } from "./replica-fixture.ts";

const restrictions = [{ cause: "breach" as const, case: "c", steps: [{ at: NOW_SECONDS - 1, mode: "limited" }] }];
const entitlements = [...tenants(4), { tenant: "gone", plan: "pro", restrictions }];
const first = await build(signers, { entitlements });
const removed = await build(signers, { entitlements: tenants(4), after: first });

/** The feed that drops a tenant without a tombstone: as if the generation before had never had it. */
async function forgetful(): Promise<ServedFeed> {
  const never = await build(signers, { entitlements: tenants(4) });
  return await forge(never, signers, {
    index: (index) => ({ ...index, seq: 2 }),
    locks: (locks) => ({ ...locks, seq: 2 }),
    head: (head) => ({ ...head, seq: 2, locks: { ...head.locks, seq: 2 } }),
  });
}

it("removes a tenant by its tombstone", async () => {
  const source = new MemorySource(first);
  const { replica, events } = await follow(source);
  expect(replica.check("gone", "create", "admin").reason).toBe("restricted");
  source.feed = removed;
  await replica.refresh();
  expect(replica.check("gone", "create", "admin").reason).toBe("unknown_tenant");
  expect(replica.status()).toMatchObject({ tenants: 4, restricted: 0, counters: { keptMissing: 0 } });
  expect(events.at(-1)).toEqual({ type: "applied", version: removed.version, tenants: ["gone"] });
});

it("F4 · keeps and counts a tenant that a newer generation lacks without a tombstone", async () => {
  const source = new MemorySource(first);
  const { replica } = await follow(source);
  source.feed = await forgetful();
  await replica.refresh();
  expect(replica.version).toEqual({ epoch: 1, seq: 2 });
  expect(replica.check("gone", "create", "admin")).toMatchObject({ reason: "restricted", cause: "breach" });
  expect(replica.about("gone").cases).toEqual(["c"]);
  expect(replica.status()).toMatchObject({ tenants: 5, restricted: 1, counters: { keptMissing: 1 } });
});

it("F4 · no longer counts it once it is back, or has its tombstone", async () => {
  const source = new MemorySource(first);
  const { replica } = await follow(source);
  const missing = await forgetful();
  for (const line of [
    { tenant: "gone", plan: "starter" },
    { tenant: "gone", gone: NOW_SECONDS },
  ]) {
    const before = replica.version?.seq === 1 ? missing : undefined;
    if (before !== undefined) {
      source.feed = before;
      await replica.refresh();
      expect(replica.status().counters.keptMissing).toBe(1);
    }
    const seq = (replica.version?.seq ?? 0) + 1;
    const next = await build(signers, { entitlements: [...tenants(4), line] });
    source.feed = await forge(next, signers, {
      index: (index) => ({ ...index, seq }),
      locks: (locks) => ({ ...locks, seq }),
      head: (head) => ({ ...head, seq, locks: { ...head.locks, seq } }),
    });
    await replica.refresh();
    expect(replica.status().counters.keptMissing).toBe(0);
    expect(replica.check("gone", "create", "admin").reason).toBe("gone" in line ? "unknown_tenant" : "granted");
  }
  expect(replica.status().refusals.count).toBe(0);
});
