import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { callerMistake, shown } from "./caller-mistake.ts";
import { type HttpAddress, readHttpAddress } from "./http-address.ts";

/** Where a feed or a sidecar is. `isLocal`: what only this machine can speak through. */
export type Address =
  | { readonly kind: "unix"; readonly socketPath: string; readonly isLocal: true }
  | HttpAddress
  | { readonly kind: "directory"; readonly path: string; readonly isLocal: true };

/** `sun_path` holds 108 bytes on Linux with its ending NUL: a longer path can be neither bound nor connected to. */
const MAX_SOCKET_PATH_BYTES = 107;
const FORMS = "unix:/path.sock, http://host:port, https://host, a directory path or a file: URL";
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]+):/;

/**
 * Reads an address: `unix:/path.sock`, `http://host:port`, `https://host`, a directory path (made absolute now), or a
 * `file:` URL. Opens nothing, so it does not know whether anything is there.
 *
 * @param field named in the error
 * @throws {TypeError} where it is none of these
 */
export function readAddress(value: unknown, field: string): Address {
  if (typeof value !== "string" || value === "") throw callerMistake(field, shown(value), `give ${FORMS}`);
  if (value.includes("\0")) throw callerMistake(field, shown(value), "a path holds no NUL character");
  const scheme = SCHEME.exec(value)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return { kind: "directory", path: resolve(value), isLocal: true };
    case "unix":
      return unixAddress(value, field);
    case "http":
    case "https":
      return readHttpAddress(value, field);
    case "file":
      return { kind: "directory", path: directoryOf(value, field), isLocal: true };
    default:
      throw callerMistake(
        field,
        shown(value),
        `the scheme ${scheme}: is none of ${FORMS}; for a path with a colon write ./${value}`,
      );
  }
}

function unixAddress(value: string, field: string): Address {
  const socketPath = value.slice("unix:".length).replace(/^\/\/(?=\/)/, "");
  if (!socketPath.startsWith("/"))
    throw callerMistake(field, shown(value), "give an absolute path, as in unix:/run/dimmer/sidecar.sock");
  if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
    throw callerMistake(
      field,
      shown(value),
      `a socket path has at most ${MAX_SOCKET_PATH_BYTES} bytes; choose a shorter one`,
    );
  }
  return { kind: "unix", socketPath, isLocal: true };
}

function directoryOf(value: string, field: string): string {
  try {
    return fileURLToPath(value);
  } catch {
    throw callerMistake(
      field,
      shown(value),
      "a file: URL names an absolute path on this machine, as in file:///srv/feed",
    );
  }
}
