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

  /**
   * Makes the list: the digests of all chunks in their order, and those whose bytes are new. Lets others have their turn
   * every few milliseconds; nothing may be set or deleted meanwhile.
   */
  async encode(): Promise<{ digests: readonly string[]; fresh: readonly Chunk[] }> {
    const wanted = bucketsFor(this.#count);
    if (wanted !== this.#buckets.length) await this.#rebucket(wanted);
    const encoder = new TextEncoder();
    const fresh: Chunk[] = [];
    const breathe = breathing();
    for (const [bucket, digest] of this.#digests.entries()) {
      if (digest !== undefined) continue;
      await breathe();
      const lines = [...(this.#buckets[bucket] as Map<string, string>).values()].sort();
      const bytes = encoder.encode(lines.length === 0 ? "" : `${lines.join("\n")}\n`);
      const made = await sha256(bytes);
      this.#digests[bucket] = made;
      fresh.push({ digest: made, bytes });
    }
    return { digests: this.#digests as readonly string[], fresh };
  }

  async #rebucket(wanted: number): Promise<void> {
    const buckets = emptyBuckets(wanted);
    const breathe = breathing();
    for (const bucket of this.#buckets) {
      let lines = 0;
      for (const [tenant, line] of bucket) {
        buckets[bucketOf(tenant, wanted)]?.set(tenant, line);
        if (++lines % 1_000 === 0) await breathe();
      }
    }
    this.#buckets = buckets;
    this.#digests = buckets.map(() => undefined);
  }
}

const SLICE_MS = 8;

/** Gives the process a turn once a slice has been used up. */
function breathing(): () => Promise<void> {
  let untilMs = performance.now() + SLICE_MS;
  return async () => {
    if (performance.now() < untilMs) return;
    await new Promise((done) => setImmediate(done));
    untilMs = performance.now() + SLICE_MS;
  };
}

function emptyBuckets(count: number): Map<string, string>[] {
  return Array.from({ length: count }, () => new Map());
}
