import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { DimmerError } from "@dimmer/core";

/** What identifies the state of a file: any change of its content by rename or in place changes it. */
export interface FileRead {
  readonly bytes: Uint8Array;
  readonly mark: string;
}

// Without O_NONBLOCK opening a FIFO would wait for somebody to write into it.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/**
 * Reads a regular file whole, unless it is larger than `maxBytes`: the size is looked at before a byte is read.
 * Follows no symbolic link in the last place of the path.
 *
 * @param known the mark of an earlier read; where it still fits, nothing is read
 * @returns `undefined` where there is no such file
 * @throws {DimmerError} `feed_refused` for a link, a directory, a pipe or a file too large; `disk_failed` for the rest
 */
export async function readBoundedFile(
  path: string,
  maxBytes: number,
  known?: string,
): Promise<FileRead | "unchanged" | undefined> {
  try {
    const file = await open(path, READ_FLAGS);
    try {
      const stats = await file.stat({ bigint: true });
      if (!stats.isFile()) throw new DimmerError("feed_refused", `${path} is no regular file`);
      if (stats.size > maxBytes) {
        throw new DimmerError("feed_refused", `${path} has ${stats.size} bytes, at most ${maxBytes} are read`);
      }
      const mark = `${stats.ino}-${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}`;
      if (mark === known) return "unchanged";
      return { bytes: await readAll(file, Number(stats.size), path), mark };
    } finally {
      await file.close();
    }
  } catch (cause) {
    return faultOf(path, cause);
  }
}

/** Reads as many bytes as the file had: what grows meanwhile is another state of it. */
async function readAll(file: Awaited<ReturnType<typeof open>>, size: number, path: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(bytes, at, size - at, at);
    if (bytesRead === 0)
      throw new DimmerError("feed_refused", `${path} became shorter while it was read`, { retryable: true });
    at += bytesRead;
  }
  return bytes;
}

function faultOf(path: string, cause: unknown): undefined {
  if (cause instanceof DimmerError) throw cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT") return undefined;
  if (code === "ELOOP")
    throw new DimmerError("feed_refused", `${path} is a symbolic link, which is not followed`, { cause });
  throw new DimmerError("disk_failed", `cannot read ${path}: ${message}`, { cause, retryable: true });
}

/**
 * Makes sure that a path is a directory and no link to one.
 *
 * @returns whether there is one
 * @throws {DimmerError} `feed_refused` where it is something else
 */
export async function isRealDirectory(path: string): Promise<boolean> {
  try {
    const stats = await lstat(path);
    if (stats.isDirectory()) return true;
    const what = stats.isSymbolicLink()
      ? "a symbolic link, which is not followed; name the directory itself"
      : "no directory";
    throw new DimmerError("feed_refused", `${path} is ${what}`);
  } catch (cause) {
    return faultOf(path, cause) ?? false;
  }
}
