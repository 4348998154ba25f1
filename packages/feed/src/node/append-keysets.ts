import { DimmerError } from "@dimmer/core";
import { verifyFeed } from "../build/verify-feed.ts";
import { lockDirectory } from "./directory-lock.ts";
import { directorySource } from "./directory-source.ts";
import { diskFailure } from "./disk-failure.ts";
import { writeKeysets } from "./write-feed-directory.ts";

/** How keysets are published beside a feed. */
export interface AppendKeysetsOptions {
  /** Root keys that replicas pin: the whole feed is verified as they will. */
  readonly trust: readonly string[];
  readonly audience: string;
  /** Unix milliseconds. */
  readonly nowMs: number;
  /** Milliseconds to wait for a build into the same directory. Default 10,000. */
  readonly lockWaitMs?: number;
}

/**
 * Publishes keysets beside the feed of a directory, where every replica that follows would still take the feed: what a
 * key signed that they revoke must have been signed anew before. Changes nothing else, and nothing where it is refused.
 *
 * @throws {DimmerError} `feed_refused` where the feed would not verify under them, saying what; `disk_failed`
 */
export async function appendKeysets(
  directory: string,
  added: readonly string[],
  { trust, audience, nowMs, lockWaitMs = 10_000 }: AppendKeysetsOptions,
): Promise<void> {
  const source = directorySource(directory);
  const lock = await lockDirectory(directory, { waitMs: lockWaitMs });
  try {
    const keysets = [...(await source.keysets()), ...added];
    const then = { ...source, keysets: () => Promise.resolve(keysets) };
    const { isGood, faults } = await verifyFeed(then, { trust, audience, nowMs });
    const fault = faults.find(({ severity }) => severity === "error");
    if (!isGood) {
      throw new DimmerError(
        "feed_refused",
        `${directory} would not verify under these keysets (${fault?.file}: ${fault?.message}); sign the feed anew with keys that stay, then publish them`,
      );
    }
    await lock.assertHeld();
    await writeKeysets(directory, added);
  } catch (cause) {
    throw diskFailure(`cannot publish keysets in ${directory}`, cause);
  } finally {
    await lock.release();
  }
}
