import { readdir, readFile, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { DimmerError } from "@dimmer/core";
import { compareVersions, type HeadPayload, sha256 } from "@dimmer/statement";
import { fileOfPart, HEAD_FILE, KEYSETS_DIRECTORY } from "../follow/feed-paths.ts";
import type { FeedSource, PartKind } from "../follow/ports.ts";
import { type DirectoryLock, lockDirectory } from "./directory-lock.ts";
import { diskFailure } from "./disk-failure.ts";
import {
  fileOfKeyset,
  inspected,
  makePartDirectories,
  openFeedDirectory,
  PART_KINDS,
  readHeadToken,
} from "./feed-directory.ts";
import { syncDirectory, TEMPORARY_PREFIX, writeAtomically } from "./write-atomically.ts";

/** How a directory is kept like a feed. */
export interface MirrorOptions {
  /** Milliseconds that a part is kept after no list names it. Default a day: copies of the directory may lag that far. */
  readonly keepMs?: number;
  /** Milliseconds that never jump. Default: those of the process. */
  readonly monotonicMs?: () => number;
}

/** What was done. `"unchanged"` where the directory has this head already, or a newer one. */
export type Mirrored = { readonly written: number; readonly removed: number } | "unchanged";

const DAY_MS = 86_400_000;
const FILE_MODE = 0o640;
const LOCK_WAIT_MS = 10_000;
const AT_ONCE = 8;
const PART_NAME = /^[A-Za-z0-9_-]{43}\.(?:jws|ndjson)$/;

/**
 * Keeps a directory like a feed, byte for byte what its source serves: parts first, each under its digest, keysets, and
 * the head last, by rename; so whoever copies it or reads it at any moment finds what its head names. Writes only what is
 * not there, so a change costs one chunk. It believes its source: it is for the authority's own store.
 */
export class FeedDirectoryMirror {
  readonly #source: FeedSource;
  readonly #directory: string;
  readonly #keepMs: number;
  readonly #monotonicMs: () => number;
  /** Files that were read and found whole, or written, by this process. */
  readonly #whole = new Set<string>();
  /** Files that no list names, and since when. */
  readonly #retired = new Map<string, number>();
  /** The list that is there in full, and its files. */
  #listed: { readonly index: string; readonly files: ReadonlySet<string> } | undefined;

  constructor(source: FeedSource, directory: string, options: MirrorOptions = {}) {
    this.#source = source;
    this.#directory = directory;
    this.#keepMs = options.keepMs ?? DAY_MS;
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
  }

  /**
   * Brings the directory up to date. Not to be called again before it is done.
   *
   * @throws {DimmerError} `disk_failed` where the directory cannot be written, or holds something else; what the source
   *   throws. The head that is there is then one whose parts are there
   */
  async mirror(): Promise<Mirrored> {
    try {
      await openFeedDirectory(this.#directory);
      const lock = await lockDirectory(this.#directory, { waitMs: LOCK_WAIT_MS });
      try {
        return await this.#mirror(lock);
      } finally {
        await lock.release();
      }
    } catch (cause) {
      this.#listed = undefined;
      throw diskFailure(`cannot write the feed to ${this.#directory}`, cause);
    }
  }

  async #mirror(lock: DirectoryLock): Promise<Mirrored> {
    const read = await this.#source.head();
    const token = read === "unchanged" ? "" : read.token;
    const head = headOf(token);
    if (head === undefined) throw new DimmerError("feed_refused", `${this.#source.name}: what it gives is no head`);
    const there = headOf((await readHeadToken(this.#directory)) ?? "");
    if (there !== undefined && isNotOlder(there, head)) return "unchanged";
    await makePartDirectories(this.#directory);
    let written = await this.#keepAll([
      ["policy", head.policy],
      ["locks", head.locks.digest],
    ]);
    written += await this.#keepList(head.index);
    written += await this.#keepKeysets();
    for (const kind of [...PART_KINDS, KEYSETS_DIRECTORY]) await syncDirectory(join(this.#directory, kind));
    await lock.assertHeld();
    await writeAtomically(join(this.#directory, HEAD_FILE), token, { mode: FILE_MODE });
    await syncDirectory(this.#directory);
    const inUse = new Set(this.#listed?.files);
    inUse.add(fileOfPart("policy", head.policy)).add(fileOfPart("locks", head.locks.digest));
    return { written: written + 1, removed: await this.#prune(inUse) };
  }

  async #keepList(index: string): Promise<number> {
    if (this.#listed?.index === index) return 0;
    const bytes = await this.#source.part("index", index);
    const statement = inspected(Buffer.from(bytes).toString("latin1"));
    if (statement?.typ !== "dimmer-index+jwt") {
      throw new DimmerError("feed_refused", `${this.#source.name}: index/${index} is no index`);
    }
    const { chunks } = statement.payload;
    const written = await this.#keepAll([...new Set(chunks)].map((digest) => ["chunks", digest] as const));
    const last = await this.#keepAll([["index", index]]);
    const files = [fileOfPart("index", index), ...chunks.map((digest) => fileOfPart("chunks", digest))];
    this.#listed = { index, files: new Set(files) };
    return written + last;
  }

  async #keepAll(parts: readonly (readonly [kind: PartKind, digest: string])[]): Promise<number> {
    let written = 0;
    const queue = parts.values();
    const work = async (): Promise<void> => {
      for (const [kind, digest] of queue) {
        const file = fileOfPart(kind, digest);
        if (await this.#isWhole(file, digest)) continue;
        await writeAtomically(join(this.#directory, file), await this.#source.part(kind, digest), { mode: FILE_MODE });
        this.#whole.add(file);
        written++;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return written;
  }

  /** A file that this process knows needs only to be there; of any other its digest is taken once. */
  async #isWhole(file: string, digest: string): Promise<boolean> {
    const path = join(this.#directory, file);
    if (this.#whole.has(file)) return (await stat(path).catch(() => undefined)) !== undefined;
    const bytes = await readFile(path).catch(() => undefined);
    if (bytes === undefined || (await sha256(bytes)) !== digest) return false;
    this.#whole.add(file);
    return true;
  }

  async #keepKeysets(): Promise<number> {
    let written = 0;
    for (const [i, token] of (await this.#source.keysets()).entries()) {
      const path = join(this.#directory, fileOfKeyset(i + 1));
      const there = await readFile(path, "latin1").catch(() => undefined);
      if (there === token) continue;
      if (there !== undefined && inspected(there) !== undefined) {
        throw new DimmerError("disk_failed", `${path} is another keyset: this is the directory of another feed`);
      }
      await writeAtomically(path, token, { mode: FILE_MODE });
      written++;
    }
    return written;
  }

  /** Removes parts that no list has named for a while, and what a crash left. Never anything that is neither. */
  async #prune(inUse: ReadonlySet<string>): Promise<number> {
    const nowMs = this.#monotonicMs();
    let removed = 0;
    for (const kind of PART_KINDS) {
      for (const name of await readdir(join(this.#directory, kind))) {
        const file = `${kind}/${name}`;
        if (name.startsWith(TEMPORARY_PREFIX)) await unlink(join(this.#directory, file));
        if (!PART_NAME.test(name)) continue;
        if (inUse.has(file)) {
          this.#retired.delete(file);
          continue;
        }
        const sinceMs = this.#retired.get(file) ?? nowMs;
        this.#retired.set(file, sinceMs);
        if (nowMs - sinceMs < this.#keepMs) continue;
        await unlink(join(this.#directory, file));
        this.#retired.delete(file);
        this.#whole.delete(file);
        removed++;
      }
    }
    return removed;
  }
}

function headOf(token: string): HeadPayload | undefined {
  const statement = token === "" ? undefined : inspected(token);
  return statement?.typ === "dimmer-head+jwt" ? statement.payload : undefined;
}

function isNotOlder(there: HeadPayload, next: HeadPayload): boolean {
  const order = compareVersions(there, next);
  return order > 0 || (order === 0 && there.index === next.index && there.iat >= next.iat);
}
