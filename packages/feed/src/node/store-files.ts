import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { readBoundedFile } from "./read-bounded-file.ts";

/** The file operations of the disk store, one by one, so that tests can let each of them fail. */
export interface StoreFiles {
  /** Makes a directory and those above it, for its owner alone. Does nothing where it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Names in a directory; none where it is not there. */
  list(path: string): Promise<string[]>;
  /** The bytes of a file, `undefined` where it is not there. Rejects for one that is larger, or a link. */
  read(path: string, maxBytes: number): Promise<Uint8Array | undefined>;
  /** Writes a new file, for its owner alone, and has it on the disk before it resolves. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Adds to a file, made for its owner alone where it is not there, and has that on the disk before it resolves. */
  append(path: string, bytes: Uint8Array): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Has the names in a directory on the disk before it resolves. */
  syncDirectory(path: string): Promise<void>;
  /** Removes a file. Does nothing where it is not there. */
  remove(path: string): Promise<void>;
}

const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;

/** The file operations of Node. */
export const nodeStoreFiles: StoreFiles = {
  makeDirectory: async (path) => {
    await mkdir(path, { recursive: true, mode: DIRECTORY_MODE });
  },
  list: async (path) => {
    try {
      return await readdir(path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw cause;
    }
  },
  read: async (path, maxBytes) => {
    const read = await readBoundedFile(path, maxBytes);
    return read === undefined || read === "unchanged" ? undefined : read.bytes;
  },
  write: async (path, bytes) => {
    const file = await open(path, "wx", FILE_MODE);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
  },
  append: async (path, bytes) => {
    const file = await open(path, "a", FILE_MODE);
    try {
      await file.writeFile(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
  },
  rename,
  syncDirectory: async (path) => {
    // Windows opens no directories; its file system journals names by itself.
    if (process.platform === "win32") return;
    const directory = await open(path, "r");
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
  remove: async (path) => {
    await rm(path, { force: true });
  },
};
