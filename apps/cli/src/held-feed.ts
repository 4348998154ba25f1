import type { ErrorCode } from "@dimmer/core";
import type { Replica } from "@dimmer/feed/follow";
import { feedSource, requireTrust } from "./feed-choice.ts";

/** Which feed, and whom to believe about it. */
export interface FeedChoice {
  /** A directory, `http(s)://…` or `unix:/path.sock`. */
  readonly feed: string;
  readonly trust: readonly string[];
  readonly audience?: string | undefined;
}

const WAIT_MS = 10_000;
const POLL_MS = 200;

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
  let settle: (refusal?: { readonly code: ErrorCode; readonly message: string }) => void = () => {};
  const outcome = new Promise<{ readonly code: ErrorCode; readonly message: string } | undefined>((resolve) => {
    settle = resolve;
  });
  const replica = followFeed({
    sources: [source],
    trust,
    ...(audience === undefined ? {} : { audience }),
    clock: systemClock(),
    pollMs: POLL_MS,
  });
  const unsubscribe = replica.subscribe((event) => {
    if (event.type === "ready") settle();
    if (event.type === "refused") settle(event);
  });
  const timer = setTimeout(() => settle({ code: "feed_unreachable", message: "" }), WAIT_MS);
  replica.ready().then(
    () => settle(),
    () => settle({ code: "feed_unreachable", message: "" }),
  );
  const refusal = await outcome;
  clearTimeout(timer);
  unsubscribe();
  if (refusal === undefined) return replica;
  const status = replica.status().sources[0];
  await replica.close();
  const why = refusal.message || status?.lastError || `nothing came within ${WAIT_MS / 1000} s`;
  throw new DimmerError(refusal.code, why.includes(feed) ? why : `${feed}: ${why}`);
}
