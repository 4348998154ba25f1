import { randomBytes } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { DimmerError } from "@dimmer/core";
import { compareVersions, sha256 } from "@dimmer/statement";
import { fileOfPart, MAX_PART_BYTES } from "../follow/feed-paths.ts";
import type { GenerationStore, GenerationToSave, PartKind, StoredFrame, StoredGeneration } from "../follow/ports.ts";
import {
  type GenerationRecord,
  readFrames,
  readManifest,
  readRecord,
  writeFrames,
  writeManifest,
  writeRecord,
} from "./generation-record.ts";
import { nodeStoreFiles, type StoreFiles } from "./store-files.ts";

/** Options of `diskStore`. */
export interface DiskStoreOptions {
  /** The file operations. Default: those of Node. */
  readonly files?: StoreFiles;
}

const MANIFEST = "manifest.json";
const RECORDS = "generations";
/** What streams brought after a generation, by the digest of its record. */
const STREAMS = "streams";
const QUARANTINE = "quarantine";
const IDENTITY = "replica-id";
const KINDS: readonly PartKind[] = ["index", "policy", "locks", "chunks"];
const PART_FILE = /^[A-Za-z0-9_-]{43}\.(?:jws|ndjson|json)$/;
const DIGEST_LENGTH = 43;
const TEMPORARY = ".tmp-";
const MAX_RECORD_BYTES = 64 * 1024 * 1024;
const REPLICA_ID = /^[\w.:@/-]{1,200}$/;
const MAX_IDENTITY_BYTES = 256;
/** Files in quarantine at most; the oldest go first. */
const MAX_QUARANTINED = 16;

/**
 * Keeps the generation in force and the one before it in a directory, which is made where it is missing, readable for
 * its owner alone. Parts are shared between the two under their digests. Whatever the moment of a crash, the manifest
 * names generations that are whole: each file is written aside, synced, renamed, its directory synced, and the manifest
 * comes last. One process at a time uses a directory: two would remove each other's parts.
 *
 * @param directory its path; nothing is touched before the first use
 */
export function diskStore(directory: string, options: DiskStoreOptions = {}): GenerationStore {
  return new DiskStore(directory, options.files ?? nodeStoreFiles);
}

interface KeptRecord {
  readonly digest: string;
  readonly record: GenerationRecord;
}

class DiskStore implements GenerationStore {
  readonly name: string;
  readonly damaged: string[] = [];
  readonly #root: string;
  readonly #files: StoreFiles;
  /** Newest first, at most two; `undefined` until the directory was read. */
  #records: readonly KeptRecord[] | undefined;
  /** Files of parts that this process has written whole. */
  readonly #written = new Set<string>();
  readonly #unsynced = new Set<string>();
  /** The file of frames whose name is on the disk. */
  #stream: string | undefined;
  /** Temporary files being written at this moment; others are left from a crash. */
  readonly #temporary = new Set<string>();

  constructor(directory: string, files: StoreFiles) {
    this.name = directory;
    this.#root = resolve(directory);
    this.#files = files;
  }

  async load(): Promise<readonly StoredGeneration[]> {
    return (await this.#readRecords()).map(({ record }) => record);
  }

  async read(kind: PartKind, digest: string): Promise<Uint8Array | undefined> {
    return await this.#files.read(this.#pathOf(kind, digest), MAX_PART_BYTES[kind]);
  }

  async put(kind: PartKind, digest: string, bytes: Uint8Array): Promise<void> {
    const file = fileOfPart(kind, digest);
    if (this.#written.has(file)) return;
    await this.#doing(`keep ${file}`, async () => {
      await this.#write(this.#pathOf(kind, digest), bytes);
      this.#unsynced.add(kind);
    });
    this.#written.add(file);
  }

  async save(generation: GenerationToSave): Promise<void> {
    await this.#doing("keep a generation", async () => {
      const before = await this.#readRecords();
      await this.#checkParts(generation);
      for (const kind of this.#unsynced) await this.#files.syncDirectory(join(this.#root, kind));
      this.#unsynced.clear();
      const bytes = new TextEncoder().encode(writeRecord(generation));
      const digest = await sha256(bytes);
      await this.#write(join(this.#root, RECORDS, `${digest}.json`), bytes);
      await this.#files.syncDirectory(join(this.#root, RECORDS));
      // A head under the same index takes the place of its own generation, not that of the one before.
      const older = before.filter(
        ({ record }) =>
          compareVersions(record.version, generation.version) < 0 && indexOf(record) !== indexOf(generation),
      );
      const records = [{ digest, record: { ...generation } }, ...older.slice(0, 1)];
      await this.#writeManifest(records.map((kept) => kept.digest));
      this.#records = records;
    });
    await this.#removeUnnamed(generation).catch(() => undefined);
  }

  async append(frames: readonly StoredFrame[]): Promise<void> {
    await this.#doing("keep what a stream brought", async () => {
      const [newest] = await this.#readRecords();
      if (newest === undefined) throw new Error("no generation is kept");
      const path = this.#streamOf(newest.digest);
      if (this.#stream !== path) await this.#files.makeDirectory(dirname(path));
      await this.#files.append(path, new TextEncoder().encode(writeFrames(frames)));
      if (this.#stream === path) return;
      await this.#files.syncDirectory(dirname(path));
      await this.#files.syncDirectory(this.#root);
      this.#stream = path;
    });
  }

  async identify(fresh: string): Promise<string> {
    return await this.#doing("keep the name of the replica", async () => {
      const path = join(this.#root, IDENTITY);
      const bytes = await this.#files.read(path, MAX_IDENTITY_BYTES);
      const kept = bytes === undefined ? "" : textOf(bytes);
      if (REPLICA_ID.test(kept)) return kept;
      await this.#write(path, new TextEncoder().encode(fresh));
      return fresh;
    });
  }

  async quarantine(what: Parameters<GenerationStore["quarantine"]>[0]): Promise<string | undefined> {
    if ("digest" in what) {
      this.#written.delete(fileOfPart(what.kind, what.digest));
      return await this.#setAside(this.#pathOf(what.kind, what.digest), `${what.kind}-`);
    }
    const found = (await this.#readRecords()).find(({ record }) => record.head === what.head);
    return found && (await this.#setAside(join(this.#root, RECORDS, `${found.digest}.json`), "generation-"));
  }

  #pathOf(kind: PartKind, digest: string): string {
    return join(this.#root, fileOfPart(kind, digest));
  }

  #streamOf(digest: string): string {
    return join(this.#root, STREAMS, `${digest}.ndjson`);
  }

  async #readRecords(): Promise<readonly KeptRecord[]> {
    this.#records ??= await this.#doing("read generations", () => this.#findRecords());
    return this.#records;
  }

  async #findRecords(): Promise<readonly KeptRecord[]> {
    const path = join(this.#root, MANIFEST);
    const bytes = await this.#files.read(path, MAX_RECORD_BYTES);
    const named = bytes === undefined ? undefined : readManifest(textOf(bytes));
    if (bytes !== undefined && named === undefined) await this.#setAsideDamaged(path, "manifest-");
    const kept = await this.#readAll(named ?? []);
    // What is seen here may be lost with the power, if the process that wrote it died before its last sync.
    for (const name of ["", RECORDS, STREAMS, ...KINDS]) {
      if (kept.length > 0) await this.#files.syncDirectory(join(this.#root, name)).catch(() => undefined);
    }
    if (named !== undefined && kept.length === named.length) return kept;
    // The manifest is lost, or names what is. Any record there is names parts that were whole before it was written.
    const names = await this.#files.list(join(this.#root, RECORDS));
    const found = await this.#readAll(
      names.filter((name) => PART_FILE.test(name)).map((name) => name.slice(0, DIGEST_LENGTH)),
    );
    return found.sort((a, b) => compareVersions(b.record.version, a.record.version)).slice(0, 2);
  }

  async #readAll(digests: readonly string[]): Promise<KeptRecord[]> {
    const records: KeptRecord[] = [];
    for (const digest of digests) {
      const kept = await this.#readRecord(digest);
      if (kept !== undefined) records.push(kept);
    }
    return records;
  }

  async #readRecord(digest: string): Promise<KeptRecord | undefined> {
    const path = join(this.#root, RECORDS, `${digest}.json`);
    const bytes = await this.#files.read(path, MAX_RECORD_BYTES);
    if (bytes === undefined) return undefined;
    const record = (await sha256(bytes)) === digest ? readRecord(textOf(bytes)) : undefined;
    if (record !== undefined) return { digest, record: await this.#withFrames(digest, record) };
    await this.#setAsideDamaged(path, "generation-");
    return undefined;
  }

  async #withFrames(digest: string, record: GenerationRecord): Promise<GenerationRecord> {
    const bytes = await this.#files.read(this.#streamOf(digest), MAX_RECORD_BYTES);
    return bytes === undefined
      ? record
      : { ...record, frames: [...(record.frames ?? []), ...readFrames(textOf(bytes))] };
  }

  async #setAsideDamaged(path: string, prefix: string): Promise<void> {
    const place = await this.#setAside(path, prefix);
    if (place !== undefined) this.damaged.push(place);
  }

  /** @throws where a part is not there; it is then written again by the next `put` */
  async #checkParts({ parts }: GenerationToSave): Promise<void> {
    for (const kind of KINDS) {
      const names = new Set(await this.#files.list(join(this.#root, kind)));
      for (const part of parts) {
        const file = fileOfPart(part.kind, part.digest);
        if (part.kind !== kind || names.has(basename(file))) continue;
        this.#written.delete(file);
        throw new DimmerError("disk_failed", `${join(this.#root, file)} is missing`, { retryable: true });
      }
    }
  }

  async #writeManifest(digests: readonly string[]): Promise<void> {
    await this.#write(join(this.#root, MANIFEST), new TextEncoder().encode(writeManifest(digests)));
    await this.#files.syncDirectory(this.#root);
  }

  /** Writes a file whole or not at all. */
  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const name = `${TEMPORARY}${randomBytes(6).toString("hex")}`;
    const temporary = join(dirname(path), name);
    this.#temporary.add(name);
    try {
      await this.#files.makeDirectory(dirname(path));
      await this.#files.write(temporary, bytes);
      await this.#files.rename(temporary, path);
    } catch (cause) {
      await this.#files.remove(temporary).catch(() => undefined);
      throw cause;
    } finally {
      this.#temporary.delete(name);
    }
  }

  async #setAside(path: string, prefix: string): Promise<string | undefined> {
    const directory = join(this.#root, QUARANTINE);
    const name = `${Date.now()}-${prefix}${basename(path)}`;
    try {
      await this.#files.makeDirectory(directory);
      await this.#files.rename(path, join(directory, name));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw cause;
    }
    const names = (await this.#files.list(directory)).sort();
    for (const old of names.slice(0, -MAX_QUARANTINED)) await this.#files.remove(join(directory, old));
    return join(directory, name);
  }

  /** Removes what no generation names, and no update is gathering. */
  async #removeUnnamed(generation: GenerationToSave): Promise<void> {
    const named = new Set((this.#records ?? []).flatMap(filesOf));
    for (const directory of [RECORDS, STREAMS, ...KINDS]) {
      for (const name of await this.#files.list(join(this.#root, directory))) {
        const file = `${directory}/${name}`;
        const isLeft = name.startsWith(TEMPORARY) && !this.#temporary.has(name);
        const isOld = PART_FILE.test(name) && !named.has(file) && !generation.isAwaited(name.slice(0, DIGEST_LENGTH));
        if (!isLeft && !isOld) continue;
        this.#written.delete(file);
        await this.#files.remove(join(this.#root, file));
      }
    }
  }

  /** Says what failed, in words for whoever set the directory up. */
  async #doing<T>(what: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (cause instanceof DimmerError && cause.code === "disk_failed") throw cause;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new DimmerError("disk_failed", `${this.name}: cannot ${what}: ${message}`, { cause, retryable: true });
    }
  }
}

/** All files of a generation. */
function filesOf({ digest, record }: KeptRecord): string[] {
  const carried = (record.carried ?? []).flatMap((from) => [
    fileOfPart("policy", from.policy),
    ...("delta" in from ? [] : [fileOfPart("index", from.index), fileOfPart("chunks", from.chunk)]),
  ]);
  const own = [`${RECORDS}/${digest}.json`, `${STREAMS}/${digest}.ndjson`];
  return [...own, ...record.parts.map((part) => fileOfPart(part.kind, part.digest)), ...carried];
}

function indexOf({ parts }: Pick<GenerationToSave, "parts">): string | undefined {
  return parts.find(({ kind }) => kind === "index")?.digest;
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
