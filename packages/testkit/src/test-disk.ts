import { dirname } from "node:path";
import type { StoreFiles } from "@dimmer/feed/node";

/** A disk in memory, which keeps generations across the restarts of a test and can be torn. */
export class TestDisk {
  readonly #files = new Map<string, Uint8Array>();

  /** Files that are there. */
  get size(): number {
    return this.#files.size;
  }

  /** Cuts every file in half, as a disk does that lied about having written. */
  tear(): void {
    for (const [path, bytes] of this.#files) this.#files.set(path, bytes.slice(0, Math.floor(bytes.length / 2)));
  }

  /** Takes everything away. */
  wipe(): void {
    this.#files.clear();
  }

  /** The file operations of a store. */
  get files(): StoreFiles {
    const files = this.#files;
    return {
      makeDirectory: async () => undefined,
      list: async (path) =>
        [...files.keys()].filter((file) => dirname(file) === path).map((file) => file.slice(path.length + 1)),
      read: async (path, maxBytes) => {
        const bytes = files.get(path);
        if (bytes !== undefined && bytes.length > maxBytes) throw new Error(`${path} has more than ${maxBytes} bytes`);
        return bytes?.slice();
      },
      write: async (path, bytes) => void files.set(path, bytes.slice()),
      append: async (path, bytes) => void files.set(path, joined(files.get(path), bytes)),
      rename: async (from, to) => {
        const bytes = files.get(from);
        if (bytes === undefined) throw Object.assign(new Error(`${from} is not there`), { code: "ENOENT" });
        files.delete(from);
        files.set(to, bytes);
      },
      syncDirectory: async () => undefined,
      remove: async (path) => void files.delete(path),
    };
  }
}

function joined(before: Uint8Array = new Uint8Array(), added: Uint8Array): Uint8Array {
  const all = new Uint8Array(before.length + added.length);
  all.set(before);
  all.set(added, before.length);
  return all;
}
