import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { FeedSource, PartKind } from "@dimmer/feed/follow";

/** How a part goes over the wire. */
export type Coding = "br" | "gzip" | "identity";

/** A part, ready to be sent. */
export interface PackedPart {
  readonly bytes: Uint8Array;
  /** `identity` also where the part is too small to be worth more. */
  readonly coding: Coding;
}

const PACKED_FROM_BYTES = 1_024;
const MAX_BYTES = 64 << 20;
/** Readers wait while a part is packed: not the 11 that it would be by default, which takes seconds for a large one. */
const BROTLI_QUALITY = 5;
const packers = {
  gzip: promisify(gzip),
  br: (bytes: Uint8Array): Promise<Uint8Array> =>
    promisify(brotliCompress)(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }),
};

/**
 * Parts of the feed as they are sent, each packed once however many readers list at once, and the ones asked for last
 * kept: at most 64 MB. Parts never change under their digests, so nothing in it grows old.
 */
export class PartCache {
  readonly #source: FeedSource;
  readonly #maxBytes: number;
  /** In the order in which they were asked for, oldest first. */
  readonly #kept = new Map<string, PackedPart>();
  readonly #underWay = new Map<string, Promise<PackedPart>>();
  #bytes = 0;

  constructor(source: FeedSource, maxBytes: number = MAX_BYTES) {
    this.#source = source;
    this.#maxBytes = maxBytes;
  }

  /** Bytes kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Gives a part. @throws what the source throws where there is none */
  async part(kind: PartKind, digest: string, coding: Coding): Promise<PackedPart> {
    const name = `${kind}/${digest}/${coding}`;
    const kept = this.#kept.get(name);
    if (kept !== undefined) {
      this.#kept.delete(name);
      this.#kept.set(name, kept);
      return kept;
    }
    let packing = this.#underWay.get(name);
    if (packing === undefined) {
      packing = this.#pack(kind, digest, coding).finally(() => this.#underWay.delete(name));
      this.#underWay.set(name, packing);
      packing.then(
        (packed) => this.#keep(name, packed),
        () => undefined,
      );
    }
    return await packing;
  }

  async #pack(kind: PartKind, digest: string, coding: Coding): Promise<PackedPart> {
    const bytes = await this.#source.part(kind, digest);
    if (coding === "identity" || bytes.length < PACKED_FROM_BYTES) return { bytes, coding: "identity" };
    return { bytes: await packers[coding](bytes), coding };
  }

  #keep(name: string, packed: PackedPart): void {
    if (packed.bytes.length > this.#maxBytes) return;
    this.#kept.set(name, packed);
    this.#bytes += packed.bytes.length;
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#kept.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}

/**
 * The coding that a reader takes best, by its `Accept-Encoding`: brotli before gzip, and neither where it says neither. A
 * bare `*` is left alone. Never throws.
 */
export function codingFor(accepted: string | undefined): Coding {
  const taken = new Set<string>();
  for (const item of (accepted ?? "").split(",")) {
    const [name = "", ...parameters] = item.split(";").map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
    if (quality === undefined || Number(quality) > 0) taken.add(name);
  }
  return taken.has("br") ? "br" : taken.has("gzip") ? "gzip" : "identity";
}
