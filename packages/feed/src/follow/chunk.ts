import { isTenantId, type Terms } from "@dimmer/core";
import {
  canonicalLine,
  casesFromWire,
  checkWireEntitlement,
  isTombstone,
  termsFromWire,
  type WireEntitlement,
} from "@dimmer/statement";
import { bucketOf } from "../build/bucket.ts";
import { PartFault } from "./part-fault.ts";
import type { ProfilePool } from "./profile-pool.ts";
import type { Ground, SharedProfile } from "./shared-profile.ts";
import type { Slicer } from "./slicer.ts";

/** Where a chunk belongs. */
export interface ChunkPlace {
  readonly digest: string;
  readonly bucket: number;
  readonly buckets: number;
}

/** A verified chunk, not applied yet. */
export interface StagedChunk extends ChunkPlace {
  /** Lines, tombstones included. */
  readonly lines: number;
  /** Tenants with an entitlement, ascending. */
  readonly ids: readonly string[];
  /** The profile of each of `ids`, in their order. */
  readonly profiles: readonly SharedProfile[];
  /** The cases of each restricted tenant. */
  readonly cases: ReadonlyMap<string, readonly string[]>;
  /** Tenants with a tombstone. */
  readonly gone: ReadonlySet<string>;
}

/** What staging works with. */
export interface ChunkTools {
  readonly pool: ProfilePool;
  readonly ground: Ground;
  readonly slicer: Slicer;
  /** Ids held already that may be of this bucket, ascending: their strings are used again. */
  readonly known: readonly string[];
  /** Whether `known` are the ids of this very bucket, so that they need not be sorted into it again. */
  readonly isKnownHere: boolean;
}

const PREFIX = '{"tenant":"';
const LINE_END = 0x0a;
/** What is decoded at a time: a chunk may be large, and one call is one slice. */
const PIECE_BYTES = 64 * 1024;
/** Lines between two looks at the clock. */
const LINES_PER_LOOK = 32;

/**
 * Checks the bytes of a chunk, whose digest has been checked, line by line: canonical spelling, well-formed, ascending,
 * each tenant in the bucket that its id belongs to (so that no tenant stands in two). It changes nothing but the pool.
 * About 1 µs a line, in slices: the text after the id decides what a line says, and was mostly seen before.
 *
 * @throws {PartFault} naming the chunk and the line
 */
export async function stageChunk(bytes: Uint8Array, place: ChunkPlace, tools: ChunkTools): Promise<StagedChunk> {
  const reader = new ChunkReader(place, tools);
  if (bytes.length > 0 && bytes[bytes.length - 1] !== LINE_END) {
    throw new PartFault(reader.part, "is cut off: the last line has no end");
  }
  for (let start = 0; start < bytes.length; ) {
    const nextEnd = bytes.indexOf(LINE_END, Math.min(start + PIECE_BYTES, bytes.length - 1));
    await reader.read(decode(bytes.subarray(start, nextEnd + 1), reader));
    start = nextEnd + 1;
  }
  return reader.staged();
}

function decode(piece: Uint8Array, reader: ChunkReader): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(piece);
  } catch (cause) {
    throw new PartFault(reader.part, `is not UTF-8 after line ${reader.line}`, { cause });
  }
}

class ChunkReader {
  readonly part: { readonly kind: "chunks"; readonly digest: string };
  line = 0;
  readonly #place: ChunkPlace;
  readonly #tools: ChunkTools;
  readonly #ids: string[] = [];
  readonly #profiles: SharedProfile[] = [];
  readonly #cases = new Map<string, readonly string[]>();
  readonly #gone = new Set<string>();
  #before = "";
  #knownAt = 0;
  /** Positions in `#ids` whose string is still a view into the piece. */
  readonly #views: number[] = [];

  constructor(place: ChunkPlace, tools: ChunkTools) {
    this.part = { kind: "chunks", digest: place.digest };
    this.#place = place;
    this.#tools = tools;
  }

  staged(): StagedChunk {
    return {
      ...this.#place,
      lines: this.line,
      ids: this.#ids,
      profiles: this.#profiles,
      cases: this.#cases,
      gone: this.#gone,
    };
  }

  /** Reads whole lines. */
  async read(text: string): Promise<void> {
    const { slicer } = this.#tools;
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf("\n", start);
      this.#readLine(text, start, end);
      start = end + 1;
      if (this.line % LINES_PER_LOOK === 0 && slicer.isDue()) await slicer.pause();
    }
    this.#flatten();
  }

  #readLine(text: string, start: number, end: number): void {
    this.line += 1;
    const idStart = start + PREFIX.length;
    const idEnd = text.indexOf('"', idStart);
    const id = text.slice(idStart, idEnd);
    if (!text.startsWith(PREFIX, start) || idEnd > end || !isTenantId(id)) {
      throw this.#fault(`must begin with ${PREFIX} and a tenant id, is ${shown(text.slice(start, end))}`);
    }
    if (id <= this.#before) {
      const why = id === this.#before ? "is there twice" : `must stand before "${this.#before}"`;
      throw this.#fault(`tenant "${id}" ${why}`);
    }
    this.#before = id;
    const known = this.#knownId(id);
    const { bucket, buckets } = this.#place;
    if ((known === undefined || !this.#tools.isKnownHere) && bucketOf(id, buckets) !== bucket) {
      throw this.#fault(`tenant "${id}" belongs to bucket ${bucketOf(id, buckets)}, this is ${bucket}`);
    }
    const rest = text.slice(idEnd + 1, end);
    const pooled = this.#tools.pool.find(rest);
    if (pooled !== undefined) this.#add(known ?? id, known === undefined, pooled);
    else this.#readInFull(known ?? JSON.parse(`"${id}"`), text.slice(start, end), rest);
  }

  /** A text that was not seen before, or that names cases: they are the tenant's own and keep texts apart. */
  #readInFull(id: string, line: string, rest: string): void {
    const checked = this.#parse(line);
    if (isTombstone(checked)) {
      this.#gone.add(id);
      return;
    }
    const terms = termsFromWire(checked);
    const cases = casesFromWire(checked);
    const { pool, ground } = this.#tools;
    if (cases.length === 0) {
      this.#add(id, false, pool.add(flat(rest), terms, ground));
      return;
    }
    const key = JSON.stringify(terms satisfies Terms);
    this.#add(id, false, pool.find(key) ?? pool.add(key, terms, ground));
    this.#cases.set(id, cases);
  }

  #parse(line: string): ReturnType<typeof checkWireEntitlement> {
    let checked: WireEntitlement | ReturnType<typeof checkWireEntitlement>;
    try {
      checked = checkWireEntitlement(JSON.parse(line));
    } catch (cause) {
      const message = cause instanceof SyntaxError ? `is not JSON: ${shown(line)}` : (cause as Error).message;
      throw this.#fault(message, cause);
    }
    if (canonicalLine(checked) !== line) throw this.#fault(`is not in the canonical spelling: ${shown(line)}`);
    return checked;
  }

  #add(id: string, isView: boolean, shared: SharedProfile): void {
    if (isView) this.#views.push(this.#ids.length);
    this.#ids.push(id);
    this.#profiles.push(shared);
  }

  /** The string held for an id already: both lists ascend. */
  #knownId(id: string): string | undefined {
    const { known } = this.#tools;
    while (this.#knownAt < known.length && (known[this.#knownAt] as string) < id) this.#knownAt += 1;
    return known[this.#knownAt] === id ? known[this.#knownAt] : undefined;
  }

  /**
   * Turns views into strings of their own, or each would keep 64 KB alive. One parse of them all costs a tenth of what
   * copying them one by one does.
   */
  #flatten(): void {
    const views = this.#views;
    if (views.length === 0) return;
    const copies = JSON.parse(`["${views.map((at) => this.#ids[at]).join('","')}"]`) as string[];
    for (const [i, at] of views.entries()) this.#ids[at] = copies[i] as string;
    views.length = 0;
  }

  #fault(message: string, cause?: unknown): PartFault {
    return new PartFault(this.part, `line ${this.line}: ${message}`, { cause });
  }
}

function flat(text: string): string {
  return JSON.parse(JSON.stringify(text)) as string;
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}
