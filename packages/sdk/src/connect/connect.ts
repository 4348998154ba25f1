import type { PolicyDocument } from "@dimmer/core";
import { type FeedSource, followFeed, type ReplicaLog } from "@dimmer/feed/follow";
import { directorySource, diskStore, httpSource, systemClock } from "@dimmer/feed/node";
import type { Address } from "./address.ts";
import { checkNode } from "./check-node.ts";
import type { Dimmer } from "./dimmer.ts";
import { type ConnectOptions, checkOptions } from "./options.ts";
import { dimmerOf } from "./replica-dimmer.ts";
import { firstOf, withoutData } from "./waiting.ts";

/**
 * Follows a feed and answers from it. Resolves when the first generation is verified, or after `waitMs`: a product
 * boots with Dimmer down and gets the policy's fallback until there is data. It opens connections and timers that
 * `close` ends; none of its timers keeps a process alive.
 *
 * @example
 * await using dimmer = await connect({ feed: "unix:/run/dimmer/sidecar.sock", trust: "SHA256:…", audience: "production" });
 * if (!dimmer.check("acme", "create", "member").allowed) …
 *
 * @throws {TypeError} `options_invalid` for a mistake of the caller, and for nothing else
 */
export async function connect<P extends PolicyDocument = PolicyDocument>(
  options: ConnectOptions<P>,
): Promise<Dimmer<P>> {
  checkNode("connect");
  const {
    addresses,
    trust,
    audience,
    data,
    waitMs,
    pollMs,
    token,
    fallbackPolicy,
    log = consoleLog,
  } = checkOptions(options);
  const replica = followFeed({
    sources: addresses.map((address) => sourceOf(address, token)),
    trust,
    audience,
    clock: systemClock(),
    log,
    ...(data !== undefined && { store: diskStore(data) }),
    ...(pollMs !== undefined && { pollMs }),
    ...(fallbackPolicy !== undefined && { fallbackPolicy }),
  });
  const dimmer = dimmerOf<P>(replica, log);
  if (waitMs > 0) await firstOf(replica.ready(), waitMs);
  if (waitMs > 0 && !replica.isReady) {
    const sources = replica.status().sources.map(({ name, lastError }) => ({ name, lastError }));
    log.warn({ sources }, withoutData(waitMs));
  }
  return dimmer;
}

function sourceOf(address: Address, token: string | undefined): FeedSource {
  switch (address.kind) {
    case "directory":
      return directorySource(address.path);
    case "unix":
      return httpSource(`unix:${address.socketPath}`);
    case "http":
      return httpSource(address.origin + address.prefix, token === undefined ? {} : { token });
  }
}

/** What a product hears that gave no log: only what it should look at. */
const consoleLog: ReplicaLog = {
  info() {},
  warn: (fields, message) => console.warn(`dimmer: ${message}`, fields),
  error: (fields, message) => console.error(`dimmer: ${message}`, fields),
};
