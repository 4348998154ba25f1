import { DimmerError } from "@dimmer/core";
import type { FeedSource } from "@dimmer/feed/follow";
import type { Version } from "@dimmer/statement";
import { feedOfKeysets, feedOfStore } from "../backup/feed-of-store.ts";
import { readPublished } from "../backup/published-feed.ts";
import { openStore } from "../store/open-store.ts";

/** The keysets of a feed, and where it stands. */
export interface FeedKeysets {
  /** Oldest first, verified as a chain. */
  readonly keysets: readonly string[];
  /** The version that was signed last. */
  readonly version: Version;
}

/**
 * Reads the keysets of a store and the version that was signed last from it. Opens no key and starts nothing.
 *
 * @throws {DimmerError} `input_invalid` where nothing was published from it; what `openStore` throws
 */
export async function keysetsOfStore(url: string): Promise<FeedKeysets> {
  const store = await openStore(url);
  try {
    const { keysets } = await feedOfStore(store.db);
    const query = store.db.selectFrom("feed_state").select(["epoch", "seq"]).where("id", "=", 1);
    const version = await query.executeTakeFirst();
    if (version === undefined) throw new DimmerError("input_invalid", "nothing was ever published from this store");
    return { keysets, version };
  } finally {
    await store.close();
  }
}

/** Reads them of a feed that was published, such as a sidecar's. @throws {DimmerError} as `readPublished` */
export async function keysetsOfFeed(source: FeedSource): Promise<FeedKeysets> {
  const { trust, aud: audience } = await feedOfKeysets(await source.keysets());
  const published = await readPublished([source], { trust, audience });
  if (published === undefined) throw new DimmerError("input_invalid", `${source.name}: nothing was published`);
  const { keysets, head } = published;
  return { keysets, version: { epoch: head.epoch, seq: head.seq } };
}
