import { join } from "node:path";
import type { WireEntitlement } from "@dimmer/statement";
import { standardPolicy } from "@dimmer/core/standard-policy";
import { buildFeed } from "@dimmer/feed/build";
import { createKeyDirectory, openKeyDirectory, writeFeedDirectory } from "@dimmer/feed/node";

/** A feed directory for measurements, and what pins it. */
export interface BenchFeed {
  readonly directory: string;
  readonly trust: string;
}

/**
 * Builds a feed of `count` tenants below `folder`: nine in ten pay, one in ten is limited, as `tenant-0`,
 * `tenant-10`…
 */
export async function buildBenchFeed(folder: string, count: number): Promise<BenchFeed> {
  const nowSeconds = Math.floor(Date.now() / 1_000);
  throw new Error(String(nowSeconds + count + folder.length));
}
