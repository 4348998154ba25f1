import { dirname } from "node:path";
import type { StoreFiles } from "@dimmer/feed/node";

/** What of the names that were not synced is there after a crash. */
export type Survival = "all" | "none" | ((path: string) => boolean);

/**
 * A disk as a crash leaves it: what was written is on it, but under which names only syncing the directory makes sure.
 * Every operation is one step, at which it can be made to fail or to crash.
 */
export class MemoryDisk {
  /** By path, as the running system sees it. */
  readonly #seen: Map<string, Uint8Array>;
  /** By path, as a crash at this moment may leave it. */
  readonly #synced: Map<string, Uint8Array>;
  steps = 0;
  /** The last step, for messages. */
  last = "";
  /** Whether nothing can be written: what is there can still be read. */
  isFull = false;
  /** At which step the disk fails, and whether everything ends there. */
  fault: { readonly step: number; readonly isCrash: boolean } | undefined;

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#seen = new Map(files);
    this.#synced = new Map(files);
  }

  /** Files, as the running system sees them. */
  get size(): number {
    return this.#seen.size;
  }

  get files(): StoreFiles {
    return {
      makeDirectory: (path) => this.#step("makeDirectory", path, () => undefined),
      list: (path) =>
        this.#step("list", path, () =>
          [...this.#seen.keys()].filter((file) => dirname(file) === path).map((file) => file.slice(path.length + 1)),
        ),
      read: (path, maxBytes) =>
        this.#step("read", path, () => {
          const bytes = this.#seen.get(path);
          if (bytes !== undefined && bytes.length > maxBytes) throw new Error("too large");
          return bytes?.slice();
        }),
      write: (path, bytes) =>
        this.#step(
          "write",
          path,
          () => {
            this.#seen.set(path, bytes.slice());
          },
          () => this.#seen.set(path, bytes.slice(0, bytes.length / 2)),
        ),
      append: (path, bytes) =>
        this.#step(
          "append",
          path,
          () => this.#append(path, bytes),
          () => this.#append(path, bytes.slice(0, bytes.length / 2)),
        ),
      rename: (from, to) =>
        this.#step("rename", from, () => {
          const bytes = this.#seen.get(from);
          if (bytes === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
          this.#seen.delete(from);
          this.#seen.set(to, bytes);
        }),
      syncDirectory: (path) => this.#step("syncDirectory", path, () => this.#sync(path)),
      remove: (path) =>
        this.#step("remove", path, () => {
          this.#seen.delete(path);
        }),
    };
  }

  /** The disk that a new process finds after the power went off. */
  afterCrash(survival: Survival): MemoryDisk {
    const isKept = typeof survival === "function" ? survival : () => survival === "all";
    const files = new Map<string, Uint8Array>();
    for (const path of new Set([...this.#seen.keys(), ...this.#synced.keys()])) {
      const bytes = (isKept(path) ? this.#seen : this.#synced).get(path);
      if (bytes !== undefined) files.set(path, bytes);
    }
    return new MemoryDisk(files);
  }

  /** What is added is on the disk; the name of a new file is not. */
  #append(path: string, bytes: Uint8Array): void {
    const whole = Buffer.concat([this.#seen.get(path) ?? new Uint8Array(), bytes]);
    this.#seen.set(path, whole);
    if (this.#synced.has(path)) this.#synced.set(path, whole);
  }

  #sync(directory: string): void {
    for (const path of this.#synced.keys()) {
      if (dirname(path) === directory && !this.#seen.has(path)) this.#synced.delete(path);
    }
    for (const [path, bytes] of this.#seen) if (dirname(path) === directory) this.#synced.set(path, bytes);
  }

  async #step<T>(operation: string, path: string, act: () => T, actByHalf?: () => unknown): Promise<T> {
    this.steps += 1;
    if (this.isFull && (operation === "write" || operation === "append")) {
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    }
    const { step = Number.POSITIVE_INFINITY, isCrash = false } = this.fault ?? {};
    if (isCrash && this.steps > step) throw new Error("the machine is off");
    if (this.steps === step) {
      this.last = `${operation} ${path.split("/").slice(-2).join("/")}`;
      actByHalf?.();
      throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
    }
    return act();
  }
}
