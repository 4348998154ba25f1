import type { Replica } from "@dimmer/feed/follow";
import { feedSource, requireTrust, trustHint } from "./feed-choice.ts";

/** Which feed, and whom to believe about it. */
export interface FeedChoice {
  /** A directory, `http(s)://…` or `unix:/path.sock`. */
  readonly feed: string;
  readonly trust: readonly string[];
  readonly audience?: string | undefined;
}

/** The replica asks again and again; here the first answer counts. */
const POLL_MS = 60_000;

/**
 * Reads a feed once, as every replica does: all of it verified, or none. The caller closes the replica.
 *
 * @throws {DimmerError} why the feed was refused or could not be read; {CommandFailure} for options at fault
 */
export async function holdFeed({ feed, trust, audience }: FeedChoice): Promise<Replica> {
  requireTrust(trust);
  const { DimmerError } = await import("@dimmer/core");
  const { followFeed } = await import("@dimmer/feed/follow");
  const { systemClock } = await import("@dimmer/feed/node");
  const source = await feedSource(feed);
  const replica = followFeed({
    sources: [source],
    trust,
    ...(audience === undefined ? {} : { audience }),
    clock: systemClock(),
    pollMs: POLL_MS,
  });
  await replica.refresh();
  if (replica.isReady) return replica;
  const { refusals, sources } = replica.status();
  await replica.close();
  const message = refusals.last?.message ?? sources[0]?.lastError ?? "nothing could be read";
  const named = `${message.includes(feed) ? message : `feed ${feed}: ${message}`}${trustHint(message)}`;
  throw new DimmerError(refusals.last?.code ?? "feed_unreachable", named);
}
