import { DimmerError } from "@dimmer/core";
import type { FeedSource } from "@dimmer/feed/follow";
import {
  compareVersions,
  digestOf,
  formatVersion,
  type HeadPayload,
  type LocksPayload,
  verifyKeysetChain,
  verifyStatement,
} from "@dimmer/statement";

/** What a feed that was published says, verified. */
export interface PublishedFeed {
  /** Where it was read. */
  readonly source: string;
  readonly head: HeadPayload;
  readonly locks: LocksPayload;
  /** All keysets, oldest first. */
  readonly keysets: readonly string[];
}

/** Whom to believe. */
export interface PublishedTrust {
  /** `SHA256:` + thumbprint of a root key. */
  readonly trust: string;
  readonly audience: string;
}

/**
 * Reads head, lock list and keysets of what was published last, from wherever it still is: a feed directory, a bucket, a
 * sidecar. Everything is verified; of several sources the one with the newest lock list counts, and the newest head.
 *
 * @throws {DimmerError} of the first source that cannot be read or does not verify: a lock list that is left out might
 *   be the newest
 */
export async function readPublished(
  sources: readonly FeedSource[],
  trusted: PublishedTrust,
): Promise<PublishedFeed | undefined> {
  let newest: PublishedFeed | undefined;
  for (const source of sources) {
    const read = await readOne(source, trusted).catch((cause: unknown) => {
      if (!(cause instanceof DimmerError)) throw cause;
      throw new DimmerError(cause.code, `${source.name}: ${cause.message}`, { cause, retryable: cause.retryable });
    });
    newest = newest === undefined ? read : newerOf(newest, read);
  }
  return newest;
}

async function readOne(source: FeedSource, { trust, audience }: PublishedTrust): Promise<PublishedFeed> {
  const keysets = await source.keysets();
  const keys = await verifyKeysetChain(keysets, { trust: [trust], audience });
  const read = await source.head();
  const { payload: head } = await verifyStatement("dimmer-head+jwt", read === "unchanged" ? "" : read.token, keys);
  const token = Buffer.from(await source.part("locks", head.locks.digest)).toString("latin1");
  if ((await digestOf(token)) !== head.locks.digest) {
    throw new DimmerError("feed_refused", "the lock list is not the one that the head names");
  }
  const { payload: locks } = await verifyStatement("dimmer-locks+jwt", token, keys, { namedAt: head });
  if (compareVersions(locks, head.locks) !== 0) {
    throw new DimmerError(
      "feed_refused",
      `the lock list has version ${formatVersion(locks)}, but the head says ${formatVersion(head.locks)}`,
    );
  }
  return { source: source.name, head, locks, keysets };
}

function newerOf(a: PublishedFeed, b: PublishedFeed): PublishedFeed {
  const locks = compareVersions(b.locks, a.locks) > 0 ? b : a;
  const head = compareVersions(b.head, a.head) > 0 ? b.head : a.head;
  const { keysets } = b.keysets.length > a.keysets.length ? b : a;
  return { source: locks.source, locks: locks.locks, head, keysets };
}
