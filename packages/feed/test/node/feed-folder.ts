import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FeedReport, verifyFeed } from "@dimmer/feed/build";
import {
  type BuiltDirectory,
  createKeyDirectory,
  directorySource,
  type KeyDirectory,
  type PublishFeedOptions,
  publishFeed,
} from "@dimmer/feed/node";
import type { WireEntitlement } from "@dimmer/statement";
import { NOW_MS, tenants } from "../build/fixture.ts";

/** A temporary folder with keys, and a feed directory that is not there yet. */
export interface FeedFolder extends AsyncDisposable {
  readonly folder: string;
  /** The feed directory. */
  readonly out: string;
  readonly keysDir: string;
  readonly keys: KeyDirectory;
  /** Publishes 50 tenants, unless told otherwise. */
  publish(changes?: Partial<PublishFeedOptions>): Promise<BuiltDirectory>;
  verify(): Promise<FeedReport>;
}

/** Makes a folder; dispose of it. */
export async function createFeedFolder(): Promise<FeedFolder> {
  const folder = await mkdtemp(join(tmpdir(), "dimmer-feed-"));
  const out = join(folder, "feed");
  const keysDir = join(folder, "keys");
  const keys = await createKeyDirectory(keysDir);
  return {
    folder,
    out,
    keysDir,
    keys,
    publish: async (changes = {}) => {
      const defaults = { entitlements: tenants(50), locks: [], audience: "test", nowMs: NOW_MS };
      return await publishFeed({ outDir: out, keys, ...defaults, ...changes });
    },
    verify: async () =>
      await verifyFeed(directorySource(out), { trust: [keys.trust], audience: "test", nowMs: NOW_MS }),
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true }),
  };
}

/** Every file of a directory, relative to it, with its text. */
export async function filesOf(directory: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[path.slice(directory.length + 1)] = await readFile(path, "utf8");
  }
  return files;
}

/** Tenants on another plan: a generation that shares no filled chunk with others. */
export function onPlan(plan: string, count = 50): WireEntitlement[] {
  return tenants(count).map((item) => ({ ...item, plan }));
}
