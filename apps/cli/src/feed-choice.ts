import { statSync } from "node:fs";
import { resolve } from "node:path";
import type { FeedSource } from "@dimmer/feed/follow";
import { environmentFailure, usageFailure } from "./failure.ts";

const TRUST = /^SHA256:[A-Za-z0-9_-]{43}$/;

/** Refuses a trust string that cannot be one, before anything is read. @throws {CommandFailure} */
export function requireTrust(trust: readonly string[]): void {
  for (const root of trust) {
    if (TRUST.test(root)) continue;
    throw usageFailure(
      `--trust ${JSON.stringify(root)}: must be SHA256: and 43 characters; copy what "dimmer feed build" prints`,
    );
  }
}

/**
 * What to look at where a message says that no root key fits: what follows it, or nothing. A feed never says which root
 * to believe, or anybody's would be believed. Never throws.
 */
export function trustHint(message: string): string {
  return /\btrust: no keyset /.test(message)
    ? '; is it the right feed, and is --trust what "dimmer feed build" printed for it?'
    : "";
}

/**
 * Opens the feed that the user named: a directory, `http(s)://…` or `unix:/path.sock`.
 *
 * @throws {CommandFailure} where a directory is not there
 */
export async function feedSource(feed: string): Promise<FeedSource> {
  const { directorySource, httpSource } = await import("@dimmer/feed/node");
  if (feed.startsWith("unix:")) return httpSource(`unix:${resolve(feed.slice("unix:".length))}`);
  if (/^https?:/.test(feed)) return httpSource(feed);
  requireFeedDirectory(feed);
  return directorySource(feed);
}

/** Refuses what is no directory. @throws {CommandFailure} */
export function requireFeedDirectory(feed: string): void {
  const stat = statSync(feed, { throwIfNoEntry: false });
  if (stat === undefined)
    throw environmentFailure("enoent", `feed ${feed}: no such directory; "dimmer feed build" makes one`);
  if (!stat.isDirectory()) {
    throw usageFailure(`feed ${feed}: must be a feed directory, an http(s):// URL or unix:/path.sock`);
  }
}
