import { diskStore, type StoreFiles } from "@dimmer/feed/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { build, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { MemorySource, type ServedFeed } from "../follow/memory-source.ts";
import { follow, signers } from "../follow/replica-fixture.ts";
import { MemoryDisk, type Survival } from "./memory-disk.ts";

const lock = { tenant: "tenant-1", cause: "security" as const, case: "INC-1", since: NOW_SECONDS, allow: [] };
const first = await build(signers, { entitlements: tenants(20), locks: [lock] });
const second = await build(signers, {
  entitlements: tenants(20).map((tenant) => ({ ...tenant, plan: "starter" })),
  locks: [lock, { ...lock, tenant: "tenant-2" }],
  after: first,
});

interface Outcome {
  readonly seq: number | undefined;
  readonly isSecondLocked: boolean;
  readonly store: string | undefined;
}

/** One life of a process on a disk. */
async function live(disk: MemoryDisk, feed: ServedFeed | undefined): Promise<Outcome> {
  const { replica } = await follow(new MemorySource(feed), { store: diskStore("/data", { files: disk.files }) });
  const seq = replica.version?.seq;
  const isLocked = (tenant: string): boolean => replica.check(tenant, "view", "admin").reason === "locked";
  expect(isLocked("tenant-1") || seq === undefined).toBe(true);
  const isSecondLocked = isLocked("tenant-2");
  await replica.close();
  return { seq, isSecondLocked, store: replica.status().store?.state };
}

async function withFirst(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await live(disk, first);
  return disk.afterCrash("none");
}

async function stepsOf(disk: MemoryDisk, feed: ServedFeed): Promise<number> {
  await live(disk, feed);
  return disk.steps;
}

/** Whatever a crash left: a whole generation that is no older than it was, and after contact the newest, for good. */
async function expectWhole(disk: MemoryDisk, place: string): Promise<void> {
  const found = await live(disk, undefined);
  expect([1, 2], place).toContain(found.seq);
  expect(found.isSecondLocked, place).toBe(found.seq === 2);
  expect(await live(disk, second), place).toEqual({ seq: 2, isSecondLocked: true, store: "ok" });
  expect((await live(disk.afterCrash("none"), undefined)).seq, place).toBe(2);
}

// Every step of many lives is tried: seconds where nothing else runs.
describe("a disk", { timeout: 60_000 }, () => {
  it("F5 · that fails at any one step leaves one whole generation, and is used again", async () => {
    const steps = await stepsOf(await withFirst(), second);
    expect(steps).toBeGreaterThan(40);
    for (let step = 1; step <= steps; step += 1) {
      const disk = await withFirst();
      disk.fault = { step, isCrash: false };
      expect((await live(disk, second)).seq, disk.last).toBe(2);
      disk.fault = undefined;
      await expectWhole(disk, disk.last);
    }
  });

  it.each<Survival>(["none", "all"])(
    "F5 · that crashes at any one step leaves one whole generation: of what was not synced, %s is there",
    async (survival) => {
      const steps = await stepsOf(await withFirst(), second);
      for (let step = 1; step <= steps; step += 1) {
        const disk = await withFirst();
        disk.fault = { step, isCrash: true };
        expect((await live(disk, second)).seq, disk.last).toBe(2);
        await expectWhole(disk.afterCrash(survival), disk.last);
      }
    },
  );

  it("F5 · that crashes leaves one whole generation, whichever names survive", async () => {
    const steps = await stepsOf(await withFirst(), second);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: steps }), fc.infiniteStream(fc.boolean()), async (step, kept) => {
        const disk = await withFirst();
        disk.fault = { step, isCrash: true };
        await live(disk, second);
        await expectWhole(
          disk.afterCrash(() => kept.next().value),
          disk.last,
        );
      }),
      { numRuns: 60 },
    );
  });

  it("F5 · that crashes while the first generation is kept leaves that one or none", async () => {
    const steps = await stepsOf(new MemoryDisk(), first);
    for (let step = 1; step <= steps; step += 1) {
      for (const survival of ["none", "all"] as const) {
        const disk = new MemoryDisk();
        disk.fault = { step, isCrash: true };
        expect((await live(disk, first)).seq, disk.last).toBe(1);
        expect([undefined, 1], disk.last).toContain((await live(disk.afterCrash(survival), undefined)).seq);
      }
    }
  });
});

it("keeps generations again once the disk does, without another update", async () => {
  const disk = new MemoryDisk();
  let isFull = true;
  const onDisk = disk.files;
  const files: StoreFiles = {
    ...onDisk,
    write: async (path, bytes) => {
      if (isFull) throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      await onDisk.write(path, bytes);
    },
  };
  const { replica, clock } = await follow(new MemorySource(first), { store: diskStore("/data", { files }) });
  await expect.poll(() => replica.status().store?.state).toBe("failing");
  expect(replica.status().store?.lastError).toMatch(/no space left on device/);
  isFull = false;
  clock.pass(60_000);
  await expect.poll(() => replica.status().store?.state).toBe("ok");
  await replica.close();
  expect((await live(disk.afterCrash("none"), undefined)).seq).toBe(1);
});
