import { DimmerError } from "@dimmer/core";
import {
  casesFromWire,
  checkWireEntitlement,
  isCanonicalLine,
  isTombstone,
  termsFromWire,
  type WireEntitlement,
  type WireTombstone,
} from "@dimmer/statement";
import { bucketOf } from "../build/bucket.ts";
import { ChunkScanner } from "./chunk-scanner.ts";
import { IdCopies } from "./id-copies.ts";
import { PartFault, type PartName } from "./part-fault.ts";
import type { ProfilePool } from "./profile-pool.ts";
import type { SharedProfile } from "./shared-profile.ts";
import type { Slicer } from "./slicer.ts";

/** Where a chunk belongs. */
export interface ChunkPlace {
  readonly digest: string;
  readonly bucket: number;
  readonly buckets: number;
}

/** A verified chunk, not applied yet. A million staged tenants take two bytes each besides their ids. */
export interface StagedChunk extends ChunkPlace {
  /** Lines, tombstones included. */
  readonly lines: number;
  /** Tenants with an entitlement, ascending. */
  readonly ids: readonly string[];
  /** The distinct profiles of the chunk. */
  readonly profiles: readonly SharedProfile[];
  /** For each of `ids`, in their order, the place of its profile in `profiles`. */
  readonly profileAt: Uint16Array | Uint32Array;
  /** The cases of each restricted tenant. */
  readonly cases: ReadonlyMap<string, readonly string[]>;
  /** Tenants with a tombstone. */
  readonly gone: ReadonlySet<string>;
}

/** What staging works with. */
export interface ChunkTools {
  readonly pool: ProfilePool;
  readonly slicer: Slicer;
  /** Ids held already that may be of this bucket, ascending: their strings are used again. */
  readonly known: readonly string[];
  /** Whether `known` are the ids of this very bucket, so that they need not be sorted into it again. */
  readonly isKnownHere: boolean;
}

/** SHA-256 of nothing: the chunk of an empty bucket, which everybody has. */
export const EMPTY_CHUNK_DIGEST = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
const LINE_END = 0x0a;
/** Lines between two looks at the clock. */
const LINES_PER_LOOK = 32;
const MAX_SHORT = 65_536;
/** Stands in for an id whose string is made with those of the others. */
const NOT_COPIED = "";

/**
 * Checks the bytes of a chunk, whose digest has been checked, line by line: canonical spelling, well-formed, ascending,
 * each tenant in the bucket that its id belongs to (so that no tenant stands in two). It changes nothing but the pool.
 * About 1 µs a line, in slices: what follows the id was mostly seen before, and decides what a line says.
 *
 * @throws {PartFault} naming the chunk and the line
 */
export async function stageChunk(bytes: Uint8Array, place: ChunkPlace, tools: ChunkTools): Promise<StagedChunk> {
  const reader = new ChunkReader(bytes, place, tools);
  await reader.read();
  return reader.staged();
}

class ChunkReader {
  readonly #scanner: ChunkScanner;
  readonly #place: ChunkPlace;
  readonly #tools: ChunkTools;
  readonly #part: PartName;
  readonly #copies = new IdCopies();
  readonly #ids: string[] = [];
  readonly #profiles: SharedProfile[] = [];
  readonly #places = new Map<SharedProfile, number>();
  readonly #profileAt: number[] = [];
  readonly #cases = new Map<string, readonly string[]>();
  readonly #gone = new Set<string>();
  #line = 0;
  #knownAt = 0;
  #last: SharedProfile | undefined;
  #lastPlace = 0;

  constructor(bytes: Uint8Array, place: ChunkPlace, tools: ChunkTools) {
    this.#scanner = new ChunkScanner(bytes);
    this.#part = { kind: "chunks", digest: place.digest };
    this.#place = place;
    this.#tools = tools;
  }

  async read(): Promise<void> {
    const { slicer } = this.#tools;
    const scanner = this.#scanner;
    const { bytes } = scanner;
    if (bytes.length > 0 && bytes[bytes.length - 1] !== LINE_END) {
      throw new PartFault(this.#part, "is cut off: the last line has no end");
    }
    while (scanner.hasNext) {
      this.#readLine();
      if (this.#line % LINES_PER_LOOK === 0 && slicer.isDue()) await slicer.pause();
    }
    this.#copyIds();
    await this.#checkBucket();
  }

  staged(): StagedChunk {
    const places = this.#profileAt;
    return {
      ...this.#place,
      lines: this.#line,
      // As large as it is: what grew by pushing has room for half as many again.
      ids: this.#ids.slice(),
      profiles: this.#profiles,
      profileAt: this.#profiles.length <= MAX_SHORT ? Uint16Array.from(places) : Uint32Array.from(places),
      cases: this.#cases,
      gone: this.#gone,
    };
  }

  #readLine(): void {
    const scanner = this.#scanner;
    this.#line += 1;
    if (!scanner.next()) throw this.#fault(`must begin with {"tenant":" and a tenant id, is ${this.#shownLine()}`);
    if (this.#line > 1) this.#checkOrder(scanner.compareWithBefore());
    const known = this.#knownId();
    const pooled = this.#tools.pool.findRest(scanner);
    if (pooled === undefined) this.#readInFull(known);
    else {
      if (known === undefined) this.#copies.add(scanner.bytes, scanner.idStart, scanner.idEnd);
      this.#add(known ?? NOT_COPIED, pooled);
    }
  }

  #checkOrder(order: number): void {
    if (order > 0) return;
    const why = order === 0 ? "is there twice" : "must stand before the line before: lines are sorted by tenant";
    throw this.#fault(`tenant "${this.#id()}" ${why}`);
  }

  /** A text that was not seen before, or that names cases: they are the tenant's own and keep texts apart. */
  #readInFull(known: string | undefined): void {
    const line = this.#text(this.#scanner.start, this.#scanner.end);
    const checked = this.#parse(line);
    const id = known ?? (JSON.parse(`"${this.#id()}"`) as string);
    if (isTombstone(checked)) {
      this.#checkBucketOf(id);
      this.#gone.add(id);
      return;
    }
    const cases = casesFromWire(checked);
    this.#add(id, this.#pooled(checked, cases));
    if (cases.length > 0) this.#cases.set(id, cases);
  }

  #pooled(checked: WireEntitlement, cases: readonly string[]): SharedProfile {
    const { idEnd, end, restHash: hash } = this.#scanner;
    const rest = cases.length > 0 ? undefined : { text: this.#text(idEnd, end), hash };
    return this.#tools.pool.of(termsFromWire(checked), rest);
  }

  #parse(line: string): WireEntitlement | WireTombstone {
    let checked: WireEntitlement | WireTombstone;
    try {
      checked = checkWireEntitlement(JSON.parse(line));
    } catch (cause) {
      const message = cause instanceof SyntaxError ? `is not JSON: ${this.#shownLine()}` : (cause as Error).message;
      throw this.#fault(message, cause);
    }
    if (!isCanonicalLine(line, checked)) throw this.#fault(`is not in the canonical spelling: ${this.#shownLine()}`);
    return checked;
  }

  #add(id: string, shared: SharedProfile): void {
    if (shared !== this.#last) {
      this.#last = shared;
      this.#lastPlace = this.#places.get(shared) ?? this.#profiles.length;
      if (this.#lastPlace === this.#profiles.length) {
        this.#profiles.push(shared);
        this.#places.set(shared, this.#lastPlace);
      }
    }
    this.#ids.push(id);
    this.#profileAt.push(this.#lastPlace);
  }

  /** The string held for the line's id already: both lists ascend. */
  #knownId(): string | undefined {
    const { known } = this.#tools;
    while (this.#knownAt < known.length) {
      const id = known[this.#knownAt] as string;
      const order = this.#scanner.compareWith(id);
      if (order < 0) return undefined;
      if (order === 0) return id;
      this.#knownAt += 1;
    }
    return undefined;
  }

  #copyIds(): void {
    const copies = this.#copies.take();
    const ids = this.#ids;
    for (let i = 0, next = 0; next < copies.length; i += 1) {
      if (ids[i] !== NOT_COPIED) continue;
      ids[i] = copies[next] as string;
      next += 1;
    }
  }

  async #checkBucket(): Promise<void> {
    const { isKnownHere, known, slicer } = this.#tools;
    let at = 0;
    for (const [i, id] of this.#ids.entries()) {
      if (i % LINES_PER_LOOK === 0 && slicer.isDue()) await slicer.pause();
      while (at < known.length && (known[at] as string) < id) at += 1;
      if (!isKnownHere || known[at] !== id) this.#checkBucketOf(id);
    }
  }

  #checkBucketOf(id: string): void {
    const { bucket, buckets } = this.#place;
    const right = bucketOf(id, buckets);
    if (right === bucket) return;
    throw new PartFault(this.#part, `tenant "${id}" belongs to bucket ${right}, this is the chunk of ${bucket}`);
  }

  #id(): string {
    return this.#text(this.#scanner.idStart, this.#scanner.idEnd);
  }

  #text(start: number, end: number): string {
    try {
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      return decoder.decode(this.#scanner.bytes.subarray(start, end));
    } catch (cause) {
      throw this.#fault("is not UTF-8", cause);
    }
  }

  #shownLine(): string {
    const { start, end } = this.#scanner;
    const text = new TextDecoder().decode(this.#scanner.bytes.subarray(start, Math.min(end, start + 80)));
    return JSON.stringify(end - start > 80 ? `${text}…` : text);
  }

  #fault(message: string, cause?: unknown): PartFault {
    const code = cause instanceof DimmerError ? cause.code : "feed_refused";
    return new PartFault(this.#part, `line ${this.#line}: ${message}`, { code, cause });
  }
}
