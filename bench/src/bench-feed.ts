import { join } from "node:path";
import { createKeyDirectory, openKeyDirectory, publishFeed } from "@dimmer/feed/node";
import type { WireEntitlement } from "@dimmer/statement";

/** A feed directory for measurements, and what pins it. */
export interface BenchFeed {
  readonly directory: string;
  readonly trust: string;
}

const DAY_S = 86_400;

/**
 * Builds a feed of `count` tenants below `folder`: nine in ten pay, one in ten is limited since yesterday. Ids are
 * `tenant-0` to `tenant-<count − 1>`.
 */
export async function buildBenchFeed(folder: string, count: number): Promise<BenchFeed> {
  const nowMs = Date.now();
  const keysDir = join(folder, "keys");
  await createKeyDirectory(keysDir);
  const built = await publishFeed({
    outDir: join(folder, "feed"),
    audience: "development",
    nowMs,
    keys: await openKeyDirectory(keysDir),
    entitlements: entitlements(count, Math.floor(nowMs / 1_000) - DAY_S),
    locks: [],
  });
  return { directory: join(folder, "feed"), trust: built.trust };
}

function* entitlements(count: number, sinceSeconds: number): Generator<WireEntitlement> {
  for (let i = 0; i < count; i++) {
    const tenant = `tenant-${i}`;
    const steps = [{ at: sinceSeconds, mode: "limited" }];
    yield i % 10 === 0
      ? { tenant, plan: "pro", restrictions: [{ cause: "nonpayment", case: `case-${i}`, steps }] }
      : { tenant, plan: "pro" };
  }
}
