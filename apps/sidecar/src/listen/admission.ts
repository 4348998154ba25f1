import type { IncomingMessage } from "node:http";
import { isLoopbackName } from "../config/audience.ts";
import { isLoopbackAddress } from "../config/read.ts";
import { type Problem, problemOf } from "../problem.ts";
import type { BearerCheck } from "./token.ts";

/**
 * How far a request reaches, each level holding those before it: `health` (alive, ready), `checks` (answers about a
 * tenant that the caller names, metrics, documentation), `tenants` (what is known about tenants), `feed` (the feed and
 * tokens: a list of debtors).
 */
export const REACHES = ["health", "checks", "tenants", "feed"] as const;
/** How far a request reaches. */
export type Reach = (typeof REACHES)[number];

/** Tells how far a request reaches where it came in, or why it is turned away at once. Never throws. */
export type Admission = (req: IncomingMessage) => Reach | Problem;

/** Who connects to the Unix socket has the rights of its file: every door is open. */
export const admitToSocket: Admission = () => "feed";

/** What decides the reach of a request over TCP. */
export interface TcpAdmissionOptions {
  readonly host: string;
  readonly doors: "check-only" | "full";
  readonly bearer: BearerCheck | undefined;
}

/** How far a request over TCP reaches with the right token. Never throws. */
export function reachWithToken(doors: "check-only" | "full"): Reach {
  return doors === "full" ? "feed" : "checks";
}

/**
 * Makes the admission of TCP requests. On loopback a `Host` that names another host is turned away (421): a web page
 * whose name was rebound to 127.0.0.1 must not ask. A token, where one is sent, must be right. Beyond loopback nothing
 * but health is told without it; the feed never is.
 */
export function tcpAdmission({ host, doors, bearer }: TcpAdmissionOptions): Admission {
  const isLoopback = isLoopbackAddress(host);
  const withToken = reachWithToken(doors);
  const withoutToken: Reach = isLoopback ? (doors === "full" ? "tenants" : "checks") : "health";
  let lastHost: string | undefined;
  return (req) => {
    if (isLoopback) {
      const named = headerOf(req, "host");
      if (named !== undefined && named !== lastHost) {
        if (!isLoopbackName(named.replace(/:\d{0,5}$/, ""))) {
          return problemOf(
            "foreign_host",
            "ask 127.0.0.1 or localhost by that name: this address serves its own machine",
          );
        }
        // Clients send the same one again and again; one string is kept.
        lastHost = named;
      }
    }
    if (bearer === undefined) return withoutToken;
    const authorization = headerOf(req, "authorization");
    if (authorization === undefined) return withoutToken;
    return bearer(authorization)
      ? withToken
      : problemOf("token_required", "the bearer token is not the one of --token-file");
  };
}

/**
 * Tells whether a request leaves out the `Host` that HTTP/1.1 asks of it. Node's own check answers without a body, so it
 * is off. Never throws.
 */
export function lacksHost(req: IncomingMessage): boolean {
  return headerOf(req, "host") === undefined && req.httpVersion === "1.1";
}

/**
 * The value of a header as it came, the first where it came twice. Read from the raw list: `req.headers` would build an
 * object of all of them for every request.
 */
function headerOf(req: IncomingMessage, name: string): string | undefined {
  const raw = req.rawHeaders;
  for (let at = 0; at < raw.length; at += 2) {
    const key = raw[at] as string;
    if (key.length === name.length && key.toLowerCase() === name) return raw[at + 1];
  }
  return undefined;
}
