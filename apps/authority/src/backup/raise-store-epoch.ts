import { DimmerError } from "@dimmer/core";
import type { FeedSource } from "@dimmer/feed/follow";
import { openStore } from "../store/open-store.ts";
import { type BegunEpoch, beginEpoch } from "./begin-epoch.ts";
import { feedOfStore, type IssuingSigners } from "./feed-of-store.ts";
import { readPublished } from "./published-feed.ts";

/** How the epoch of a store is raised. */
export interface RaiseStoreEpochOptions {
  /** `sqlite:PATH`, where no authority runs on it, or `postgres://…`, where several may: they go on under the new epoch. */
  readonly store: string;
  readonly signers: IssuingSigners;
  /** Where the last published lock list is looked for. Not needed on the database that signed last. */
  readonly locksFrom: readonly FeedSource[];
  readonly trust?: string | undefined;
  readonly isAcceptingLostLocks?: boolean;
  /** Does everything and takes it back. */
  readonly isDryRun?: boolean;
  readonly epoch?: number | undefined;
  readonly nowMs: number;
  readonly reason?: string | undefined;
}

/** What was raised, or would be. */
export interface RaiseReport extends BegunEpoch {
  /** Whether the database is another than the one that signed last: it may lack what was published. */
  readonly isOtherDatabase: boolean;
}

/**
 * Raises the epoch of a store: in an emergency, or so that a database that was promoted or restored may sign. There, the
 * locks that were published last are taken over first.
 *
 * @throws {DimmerError} `input_invalid` where the database is another and it is not said where the last lock list is;
 *   what `beginEpoch` and `readPublished` throw
 */
export async function raiseStoreEpoch(options: RaiseStoreEpochOptions): Promise<RaiseReport> {
  const { signers, locksFrom, nowMs, epoch, isAcceptingLostLocks = false, isDryRun = false } = options;
  const store = await openStore(options.store);
  try {
    const { trust, aud: audience } = await feedOfStore(store.db);
    const state = await store.db
      .selectFrom("feed_state")
      .select("database_identity")
      .where("id", "=", 1)
      .executeTakeFirst();
    const isOtherDatabase = state !== undefined && state.database_identity !== (await store.identity());
    if (isOtherDatabase && locksFrom.length === 0 && !isAcceptingLostLocks) {
      throw new DimmerError(
        "input_invalid",
        "the database is not the one that signed last, and may lack locks that were published: say where the last lock " +
          "list is (--locks-from), or accept that they are lost (--accept-lost-locks)",
      );
    }
    const published = await readPublished(locksFrom, { trust: options.trust ?? trust, audience });
    const reason = options.reason ?? "the epoch was raised by an operator";
    return await store
      .transact(async (queries) => {
        const begun = await beginEpoch(store, queries, {
          signers,
          nowMs,
          reason,
          published,
          isAcceptingLostLocks,
          epoch,
        });
        if (isDryRun) throw new TakenBack(begun);
        return { ...begun, isOtherDatabase };
      }, "serializable")
      .catch((error: unknown) => {
        if (error instanceof TakenBack) return { ...error.begun, isOtherDatabase };
        throw error;
      });
  } finally {
    await store.close();
  }
}

/** A dry run is done: thrown so that its transaction is rolled back. */
class TakenBack extends Error {
  readonly begun: BegunEpoch;

  constructor(begun: BegunEpoch) {
    super("dry run");
    this.begun = begun;
  }
}
