import type { IncomingMessage } from "node:http";

/** The request that a proxy asks about, as it states it; unread. */
export interface StatedRequest {
  readonly method: string | undefined;
  readonly target: string | undefined;
}

/** How one family of proxies states the request that it asks about. Headers of the others are not looked at. */
export interface Dialect {
  /** For people: which headers state method and target. */
  readonly statedBy: string;
  readonly read: (req: IncomingMessage) => StatedRequest;
  /** The status that lets a request through. */
  readonly allowed: 200 | 204;
  /** The proxy knows no other denial than this; the real status then stands in `Dimmer-Status`. */
  readonly everyDenial?: 403;
}

/** nginx, `auth_request`: everything but 2xx, 401 and 403 is a fault of the server to it. */
export const NGINX: Dialect = {
  statedBy: "X-Original-Method and X-Original-URI",
  read: (req) => ({ method: onlyHeader(req, "x-original-method"), target: onlyHeader(req, "x-original-uri") }),
  allowed: 204,
  everyDenial: 403,
};

/** Caddy, Traefik, HAProxy: what is not 2xx is sent to the client as it is. */
export const FORWARD: Dialect = {
  statedBy: "X-Forwarded-Method and X-Forwarded-Uri",
  read: (req) => ({ method: onlyHeader(req, "x-forwarded-method"), target: onlyHeader(req, "x-forwarded-uri") }),
  allowed: 200,
};

/** Where Envoy is told to put its own path behind. */
export const ENVOY_PREFIX = "/hook/envoy";

/** Envoy, `ext_authz` over HTTP: the request itself, below a prefix; exactly 200 lets it through. */
export const ENVOY: Dialect = {
  statedBy: `the method and the path below ${ENVOY_PREFIX}`,
  read: ({ method, url = "" }) => ({ method, target: url.slice(ENVOY_PREFIX.length) }),
  allowed: 200,
};

/**
 * The value of a header that came once; one that came more often was not set by the proxy alone, and says nothing. Read
 * from what came over the wire: Node joins equal names into one value. Never throws.
 */
function onlyHeader(req: IncomingMessage, name: string): string | undefined {
  const value = headerAsSent(req, name);
  return value === TWICE ? undefined : value;
}

/** Stands for a header that came more than once. */
export const TWICE: unique symbol = Symbol("twice");

/**
 * The value of a header, `TWICE` where it came more than once. Reading the raw list spares Node an object of all headers,
 * which costs more than the decision. Never throws.
 */
export function headerAsSent({ rawHeaders }: IncomingMessage, name: string): string | typeof TWICE | undefined {
  let found: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const key = rawHeaders[at] as string;
    if (key.length !== name.length || key.toLowerCase() !== name) continue;
    if (found !== undefined) return TWICE;
    found = rawHeaders[at + 1];
  }
  return found;
}
