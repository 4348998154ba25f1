import { DimmerError } from "@dimmer/core";
import type { FeedSource } from "@dimmer/feed/follow";
import type { Store } from "../store/open-store.ts";

/**
 * The published feed as a source, straight from the store: what the feed doors serve and a backup verifies. The head's
 * ETag is its own text.
 */
export function storeSource(store: Store): FeedSource {
  return {
    name: `store (${store.engine})`,
    kind: "network",
    head: async (known) => {
      const row = await store.db.selectFrom("feed_state").select("head").where("id", "=", 1).executeTakeFirst();
      if (row === undefined) throw new DimmerError("feed_unreachable", "nothing is published yet", { retryable: true });
      return row.head === known?.etag ? "unchanged" : { token: row.head, etag: row.head };
    },
    keysets: async () => {
      const rows = await store.db.selectFrom("keyset").select("token").orderBy("version").execute();
      return rows.map(({ token }) => token);
    },
    part: async (kind, digest) => {
      const row = await store.db
        .selectFrom("part")
        .select("bytes")
        .where("kind", "=", kind)
        .where("digest", "=", digest)
        .executeTakeFirst();
      if (row === undefined) throw new DimmerError("feed_unreachable", `there is no ${kind}/${digest}`);
      return new Uint8Array(row.bytes);
    },
  };
}
