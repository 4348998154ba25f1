import { renameSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as pause } from "node:timers/promises";
import type { standardPolicy } from "@dimmer/core/standard-policy";
import { connect, type Dimmer } from "@dimmer/sdk";
import { shuffledTenants, timeRounds } from "../decision/timing.ts";
import { residentOf } from "../feed/memory.ts";

/** What one replica costs at one number of tenants. */
export interface ReplicaRun {
  /** Milliseconds from `connect` until ready from the feed: every chunk read, hashed and taken in. */
  readonly fromFeedMs: number;
  /** From the moment at which the feed had it until it was in force: one tenant, every tenant. */
  readonly oneMs: number;
  readonly allMs: number;
  /** The longest time for which the process did nothing else while each was taken in. */
  readonly oneStallMs: number;
  readonly allStallMs: number;
  /** Resident memory once ready, and the most since. */
  readonly readyMb: number;
  readonly mostMb: number;
  /** Nanoseconds of `check`, for all tenants in shuffled order. */
  readonly checkNs: number;
}

/** What a start from disk costs, with the feed away. */
export interface DiskRun {
  readonly fromDiskMs: number;
}

/**
 * `node replica-process.ts feed|disk FOLDER TRUST TENANTS` follows the directory `feed` below FOLDER through the three
 * generations that `build-process.ts` made, or starts from what that left on disk.
 */
const [mode, folder = "", trust = "", tenants = "0"] = process.argv.slice(2);
const READY_MS = 120_000;
const STALL_RESOLUTION_MS = 1;
const POLL_MS = 50;
type Product = Dimmer<typeof standardPolicy>;

async function start(feed: string): Promise<{ dimmer: Product; tookMs: number }> {
  const startMs = performance.now();
  const dimmer = await connect<typeof standardPolicy>({
    feed: join(folder, feed),
    trust,
    data: join(folder, "data"),
    waitMs: READY_MS,
    pollMs: POLL_MS,
  });
  await dimmer.ready();
  return { dimmer, tookMs: performance.now() - startMs };
}

async function until(isIt: () => boolean): Promise<void> {
  const untilMs = performance.now() + READY_MS;
  while (!isIt()) {
    if (performance.now() > untilMs) throw new Error(`not within ${READY_MS} ms`);
    await pause(5);
  }
}

/** Puts another generation in the place of the feed and waits until it is in force. */
async function replaceBy(dimmer: Product, next: string, isIt: () => boolean): Promise<[ms: number, stallMs: number]> {
  await until(() => dimmer.status().store?.state === "ok");
  const delay = monitorEventLoopDelay({ resolution: STALL_RESOLUTION_MS });
  delay.enable();
  const startMs = performance.now();
  renameSync(join(folder, "feed"), join(folder, `before-${next}`));
  renameSync(join(folder, next), join(folder, "feed"));
  await until(isIt);
  const tookMs = performance.now() - startMs;
  delay.disable();
  return [tookMs, Math.max(0, delay.max / 1e6 - STALL_RESOLUTION_MS)];
}

async function follow(): Promise<ReplicaRun> {
  renameSync(join(folder, "first"), join(folder, "feed"));
  const { dimmer, tookMs } = await start("feed");
  const readyMb = residentOf(process.pid).allMb;
  const isAt = (seq: number): boolean => dimmer.status().version?.seq === seq;
  const [oneMs, oneStallMs] = await replaceBy(dimmer, "one", () => isAt(2));
  const [allMs, allStallMs] = await replaceBy(dimmer, "all", () => isAt(3));
  await until(() => dimmer.status().store?.state === "ok");
  const mostMb = process.resourceUsage().maxRSS / 1_024;
  const ids = shuffledTenants(Number(tenants));
  const size = ids.length;
  const ask = (i: number): number => (dimmer.check(ids[i % size] as string, "create").allowed ? 1 : 0);
  const rounds = timeRounds(ask, Math.max(size, 200_000), 3);
  await dimmer.close();
  const checkNs = Math.min(...rounds.map(({ ns }) => ns));
  return { fromFeedMs: tookMs, oneMs, allMs, oneStallMs, allStallMs, readyMb, mostMb, checkNs };
}

async function startFromDisk(): Promise<DiskRun> {
  const { dimmer, tookMs } = await start("nowhere");
  const held = dimmer.status().tenants;
  await dimmer.close();
  if (held !== Number(tenants)) throw new Error(`${held} of ${tenants} tenants were on disk`);
  return { fromDiskMs: tookMs };
}

process.stdout.write(`${JSON.stringify(mode === "feed" ? await follow() : await startFromDisk())}\n`);
