import { bucketOf, bucketsFor } from "@dimmer/feed/build";
import { sha256 } from "@dimmer/statement";

/** A chunk as the index names it. */
export interface Chunk {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/**
 * What is published of every tenant, by bucket, in memory: from it the list is made without reading a million rows. A
 * change marks its bucket; only marked buckets are encoded and hashed again.
 */
export class PublishedLines {
  #buckets: Map<string, string>[];
  #digests: (string | undefined)[];
  #count = 0;

  /** @param lines tenant and line of everything published; linear in their number */
  constructor(lines: Iterable<readonly [tenant: string, line: string]>, count: number) {
    this.#buckets = emptyBuckets(bucketsFor(count));
    this.#digests = this.#buckets.map(() => undefined);
    for (const [tenant, line] of lines) this.set(tenant, line);
  }

  /** Tenants and tombstones published. */
  get count(): number {
    return this.#count;
  }

  /** Whether the list differs from the chunks made last. */
  get isChanged(): boolean {
    return this.#digests.includes(undefined);
  }

  /** The line published of a tenant. */
  get(tenant: string): string | undefined {
    return this.#buckets[bucketOf(tenant, this.#buckets.length)]?.get(tenant);
  }

  /** Takes over what was published of a tenant. */
  set(tenant: string, line: string): void {
    const bucket = bucketOf(tenant, this.#buckets.length);
    const lines = this.#buckets[bucket] as Map<string, string>;
    const before = lines.get(tenant);
    if (before === line) return;
    if (before === undefined) this.#count++;
    lines.set(tenant, line);
    this.#digests[bucket] = undefined;
  }

  /** Forgets a tombstone that has been published long enough. */
  delete(tenant: string): void {
    const bucket = bucketOf(tenant, this.#buckets.length);
    if (this.#buckets[bucket]?.delete(tenant) !== true) return;
    this.#count--;
    this.#digests[bucket] = undefined;
  }

  /** Makes the list: the digests of all chunks in their order, and those whose bytes are new. */
  async encode(): Promise<{ digests: readonly string[]; fresh: readonly Chunk[] }> {
    const wanted = bucketsFor(this.#count);
    if (wanted !== this.#buckets.length) this.#rebucket(wanted);
    const encoder = new TextEncoder();
    const fresh: Chunk[] = [];
    for (const [bucket, digest] of this.#digests.entries()) {
      if (digest !== undefined) continue;
      const lines = [...(this.#buckets[bucket] as Map<string, string>).values()].sort();
      const bytes = encoder.encode(lines.length === 0 ? "" : `${lines.join("\n")}\n`);
      const made = await sha256(bytes);
      this.#digests[bucket] = made;
      fresh.push({ digest: made, bytes });
    }
    return { digests: this.#digests as readonly string[], fresh };
  }

  #rebucket(wanted: number): void {
    const all = this.#buckets;
    this.#buckets = emptyBuckets(wanted);
    this.#digests = this.#buckets.map(() => undefined);
    for (const bucket of all) {
      for (const [tenant, line] of bucket) this.#buckets[bucketOf(tenant, wanted)]?.set(tenant, line);
    }
  }
}

function emptyBuckets(count: number): Map<string, string>[] {
  return Array.from({ length: count }, () => new Map());
}
