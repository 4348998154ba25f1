const DEVELOPMENT = "development";

/**
 * Says what is wrong with following these feeds for this audience: `development`, the default, is taken from a
 * directory, a Unix socket or loopback only, so that a sidecar which nobody told its audience never serves what
 * somebody else built for a trial. Looks names up nowhere: of hosts, `localhost` and loopback addresses count.
 * Never throws.
 */
export function faultsOfAudience(audience: string, feeds: readonly string[]): string[] {
  if (audience !== DEVELOPMENT) return [];
  return feeds
    .filter((feed) => !isNear(feed))
    .map((feed) => `is not taken from ${hideUserinfo(feed)}, which is neither a directory nor loopback`);
}

/** A feed's URL without the user and password that may stand in it. Never throws. */
export function hideUserinfo(feed: string): string {
  return feed.replace(/^([a-z+]+:\/\/)[^/@]*@/i, "$1…@");
}

/** Whether a text names a feed over HTTP(S) rather than a directory or a Unix socket. Never throws. */
export function isNetworkFeed(feed: string): boolean {
  return /^https?:\/\//i.test(feed);
}

function isNear(feed: string): boolean {
  if (!isNetworkFeed(feed)) return true;
  const url = URL.parse(feed);
  if (url === null) return false;
  return isLoopbackName(url.hostname);
}

/** Whether a host as written in a URL or a Host header (without its port) is this machine. Never throws. */
export function isLoopbackName(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i.test(host);
}
