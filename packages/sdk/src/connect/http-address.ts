import { callerMistake, shown } from "./caller-mistake.ts";

/** An origin, and the path before `/v1/`: empty or beginning with a slash. `isLocal`: loopback. */
export interface HttpAddress {
  readonly kind: "http";
  readonly origin: string;
  readonly prefix: string;
  readonly isLocal: boolean;
}

/** Reads `http://host:port` or `https://host/prefix`. Opens nothing. @throws {TypeError} where it is none of these */
export function readHttpAddress(value: string, field: string): HttpAddress {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined) throw callerMistake(field, shown(value), "give a whole URL, as in http://127.0.0.1:7301");
  if (url.username !== "" || url.password !== "") {
    throw callerMistake(field, "names a user", "a URL here carries no user or password; give the option token instead");
  }
  if (url.search !== "" || url.hash !== "") {
    throw callerMistake(field, shown(value), `give no query and no fragment: ${url.origin}${url.pathname}`);
  }
  const prefix = url.pathname.replace(/\/+$/, "");
  return { kind: "http", origin: url.origin, prefix, isLocal: isLoopback(url.hostname) };
}

/** `hostname` of a `URL` is already canonical: `127.1` and `0x7f.1` have become `127.0.0.1`. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
