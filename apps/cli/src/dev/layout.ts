import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { environmentFailure } from "../failure.ts";

/** Where `dimmer dev` keeps what. All paths are absolute. */
export interface DevLayout {
  readonly dir: string;
  readonly keys: string;
  /** The authority's database. */
  readonly store: string;
  /** How far the clock of the authority was moved. */
  readonly clock: string;
  /** API keys and the sidecar's credential, one a file. */
  readonly credentials: string;
  /** What was last brought from the tenants file to the authority. */
  readonly applied: string;
  /** All that replicas keep. */
  readonly replicas: string;
  /** Generations that the sidecar keeps. */
  readonly sidecarData: string;
  /** Generations that the notes product keeps. */
  readonly notesData: string;
  readonly socket: string;
  /** Whether the socket had to move out of `dir`. */
  readonly isSocketElsewhere: boolean;
}

/** The most bytes that the path of a Unix socket may have, the closing NUL not counted. */
const MAX_SOCKET_BYTES = process.platform === "linux" ? 107 : 103;

/**
 * Lays out a directory for `dimmer dev` and makes it, readable by its owner alone: keys lie in it. Where the path of
 * the socket would be too long for the system, the socket moves to a directory of this user below the system's
 * temporary one.
 *
 * @throws what the file system throws
 */
export function layOutDirectory(given: string): DevLayout {
  const dir = resolve(given);
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const usual = join(dir, "sidecar.sock");
  const isSocketElsewhere = Buffer.byteLength(usual) > MAX_SOCKET_BYTES;
  return {
    dir,
    keys: join(dir, "keys"),
    store: join(dir, "authority.db"),
    clock: join(dir, "clock.json"),
    credentials: join(dir, "credentials"),
    applied: join(dir, "applied.json"),
    replicas: join(dir, "replicas"),
    sidecarData: join(dir, "replicas", "sidecar"),
    notesData: join(dir, "replicas", "notes"),
    socket: isSocketElsewhere ? socketElsewhere(dir) : usual,
    isSocketElsewhere,
  };
}

function socketElsewhere(dir: string): string {
  const name = createHash("sha256").update(dir).digest("hex").slice(0, 12);
  const home = join(tmpdir(), `dimmer-${process.getuid?.() ?? "user"}-${name}`);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  // Anybody may make a directory of that name first, and would then own what is asked through the socket.
  const stat = lstatSync(home);
  const isOwn = process.getuid === undefined || (stat.uid === process.getuid() && (stat.mode & 0o077) === 0);
  if (!stat.isDirectory() || !isOwn) {
    throw environmentFailure("socket_path", `${home}: belongs to somebody else; choose a shorter directory with --dir`);
  }
  return join(home, "sidecar.sock");
}
