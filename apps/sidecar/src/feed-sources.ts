import { fileURLToPath } from "node:url";
import { DimmerError } from "@dimmer/core";
import { directorySource, httpSource } from "@dimmer/feed/node";
import { hideUserinfo, isNetworkFeed } from "./config/audience.ts";
import type { SidecarConfig } from "./config/read.ts";
import { readTokenFile } from "./listen/token.ts";
import type { MaybeTokenSource } from "./token-fetcher.ts";

/**
 * Opens the sources that `--feed` names: `http(s)://…` and `unix:/…` over HTTP, everything else a directory. Connects
 * nowhere yet, and a directory need not be there.
 *
 * @throws {DimmerError} `options_invalid` for an address that is none, and where `--feed-token-file` holds no token
 */
export function sourcesOf({ feed, feedTokenFile }: Pick<SidecarConfig, "feed" | "feedTokenFile">): MaybeTokenSource[] {
  const token = feedTokenFile === undefined ? undefined : readTokenFile(feedTokenFile, "--feed-token-file");
  return feed.map((location) => {
    try {
      if (isNetworkFeed(location) || location.startsWith("unix:")) {
        return httpSource(location, token === undefined ? {} : { token });
      }
      return directorySource(location.startsWith("file:") ? fileURLToPath(location) : location);
    } catch (error) {
      // Only what the address itself says is at fault; it may hold a password, which the message must not.
      const reason = (error as Error).message.replaceAll(location, hideUserinfo(location)).replace(/^feed: /, "");
      throw new DimmerError("options_invalid", `--feed ${hideUserinfo(location)}: ${reason}.`, { cause: error });
    }
  });
}
