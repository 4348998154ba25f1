import { randomBytes } from "node:crypto";
import { open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** What the names of files begin with that are not whole yet. */
export const TEMPORARY_PREFIX = ".tmp-";

/**
 * Writes a file so that it is there whole or not at all, also after a crash: a temporary file beside it, fsync, rename.
 * The name itself is safe only once `syncDirectory` has been called. Overwrites.
 *
 * @param options.mode permissions; default 0600
 */
export async function writeAtomically(
  path: string,
  bytes: Uint8Array | string,
  { mode = 0o600 }: { readonly mode?: number } = {},
): Promise<void> {
  const temporary = join(dirname(path), `${TEMPORARY_PREFIX}${randomBytes(6).toString("hex")}-${basename(path)}`);
  try {
    const file = await open(temporary, "wx", mode);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    throw cause;
  }
}

/** Makes names that were written into a directory safe against a power loss. Does nothing where the platform cannot. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows opens no directories; its file system journals names by itself.
  if (process.platform === "win32") return;
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
