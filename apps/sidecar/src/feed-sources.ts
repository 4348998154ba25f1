import { fileURLToPath } from "node:url";
import type { FeedSource } from "@dimmer/feed/follow";
import { directorySource, httpSource } from "@dimmer/feed/node";
import { isNetworkFeed } from "./config/audience.ts";
import type { SidecarConfig } from "./config/read.ts";
import { readTokenFile } from "./listen/token.ts";

/**
 * Opens the sources that `--feed` names: `http(s)://…` and `unix:/…` over HTTP, everything else a directory. Connects
 * nowhere yet, and a directory need not be there.
 *
 * @throws {DimmerError} `options_invalid` where the file of `--feed-token-file` holds no token
 */
export function sourcesOf({ feed, feedTokenFile }: SidecarConfig): FeedSource[] {
  const token = feedTokenFile === undefined ? undefined : readTokenFile(feedTokenFile, "--feed-token-file");
  return feed.map((location) => {
    if (isNetworkFeed(location) || location.startsWith("unix:")) {
      return httpSource(location, token === undefined ? {} : { token });
    }
    return directorySource(location.startsWith("file:") ? fileURLToPath(location) : location);
  });
}
