/** Where a feed is asked for over HTTP. */
export interface HttpTarget {
  /** For people; without secrets. */
  readonly name: string;
  readonly origin: string;
  /** What stands before `/v1/feed`; empty, or begins with a slash and ends without one. */
  readonly path: string;
  readonly socketPath?: string;
  /** Whether it is this machine's: compressing for it costs more than it saves. */
  readonly isNear: boolean;
}

const UNIX = "unix:";
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/**
 * Reads the address of a feed: `http://host:port`, `https://…`, with a path before `/v1/feed` where there is one, or
 * `unix:/path.sock`. Looks names up nowhere.
 *
 * @throws {TypeError} for an address that is none of these, or holds a user name, a query or a fragment
 */
export function readHttpTarget(url: string): HttpTarget {
  if (url.startsWith(UNIX)) {
    const socketPath = url.slice(UNIX.length);
    if (!socketPath.startsWith("/"))
      throw new TypeError(`feed: ${url} must name an absolute path, as in unix:/run/feed.sock`);
    return { name: url, origin: "http://localhost", path: "", socketPath, isNear: true };
  }
  const parsed = URL.parse(url);
  if (parsed === null || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    throw new TypeError(`feed: ${JSON.stringify(url)} must be http://…, https://… or unix:/…`);
  }
  if (parsed.username !== "" || parsed.password !== "" || parsed.search !== "" || parsed.hash !== "") {
    throw new TypeError(
      `feed: ${parsed.origin} must be given without user name, query and fragment; give the token apart`,
    );
  }
  const path = parsed.pathname.replace(/\/+$/, "");
  return {
    name: `${parsed.origin}${path}`,
    origin: parsed.origin,
    path,
    isNear: LOOPBACK.test(parsed.hostname),
  };
}
