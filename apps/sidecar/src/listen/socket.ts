import { existsSync, lstatSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import { DimmerError } from "@dimmer/core";

/** Owner and group may connect, nobody else. */
const SOCKET_MASK = 0o117;
/** `sun_path` has 108 bytes on Linux, 104 elsewhere, the closing NUL included. */
const MAX_PATH_BYTES = process.platform === "linux" ? 107 : 103;

/**
 * Makes a server listen on a Unix socket of mode 0660. A socket file that a dead process left is removed first; one
 * that somebody listens on, or a file of another kind, is never touched.
 *
 * @throws {DimmerError} `listen_failed` naming the path, what is in the way, and the fix
 */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw failed(path, `has more than ${MAX_PATH_BYTES} bytes, which no Unix socket may. Choose a shorter path`);
  }
  await clearTheWay(path);
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => reject(failed(path, reasonOf(error, path), error));
    server.once("error", onError);
    // The mask holds while the file is made, so that at no moment does it stand open to all.
    const mask = process.umask(SOCKET_MASK);
    try {
      server.listen({ path }, () => {
        server.off("error", onError);
        resolve();
      });
    } finally {
      process.umask(mask);
    }
  });
}

async function clearTheWay(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw failed(path, "is there already and no socket. Choose another path, or move that file");
  const answer = await knock(path);
  if (answer === "open") throw failed(path, "has a process listening on it. Stop that one, or choose another --socket");
  if (answer !== "ECONNREFUSED" && answer !== "ENOENT") {
    throw failed(path, `is there already and cannot be tried (${answer}). Remove it, or choose another --socket`);
  }
  rmSync(path, { force: true });
}

/** Connects and hangs up at once: `open`, or the code of the error. */
function knock(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve("open");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
}

function reasonOf({ code, message }: NodeJS.ErrnoException, path: string): string {
  // libuv says EACCES also where the directory is missing.
  if (!existsSync(dirname(path))) {
    return `cannot be created: ${dirname(path)} does not exist. Create it, or choose another --socket`;
  }
  switch (code) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return `cannot be created: no permission to write in ${dirname(path)}. Choose another --socket, or grant it`;
    case "EADDRINUSE":
      return "has a process listening on it. Stop that one, or choose another --socket";
    default:
      return `cannot be listened on (${code ?? message}). Choose another --socket`;
  }
}

function failed(path: string, reason: string, cause?: unknown): DimmerError {
  return new DimmerError("listen_failed", `--socket ${path}: ${reason}.`, { cause });
}
