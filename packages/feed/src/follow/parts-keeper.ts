import { sha256 } from "@dimmer/statement";
import { EMPTY_CHUNK_DIGEST } from "./chunk.ts";
import { compress, decompress } from "./compress.ts";
import type { GenerationStatements } from "./generation.ts";
import type { PartName } from "./part-fault.ts";
import type { GenerationStore, PartKind } from "./ports.ts";
import type { StoreHealth } from "./store-health.ts";

/**
 * Keeps the verified bytes of the generation in force and the one before it: for serving them again, for the next start,
 * and so that an update that failed half-way does not read again what was good. Statements stay in memory; chunks go to
 * the store, or, where there is none or it fails, into memory compressed (some 10 MB for a million tenants). It never
 * throws; what goes wrong with the store stands in its health.
 */
export class PartsKeeper {
  readonly #store: GenerationStore | undefined;
  readonly #health: StoreHealth;
  /** Reads a part from wherever it can still be had, verified. */
  readonly #recover: (part: PartName) => Promise<Uint8Array | undefined>;
  readonly #statements = new Map<string, string>();
  readonly #chunks = new Map<string, Uint8Array>();
  readonly #stored = new Set<string>();
  #current: ReadonlySet<string> = new Set();
  /** The statements of the generation in force, and those that they took the place of under its index. */
  #statementsNow: ReadonlySet<string> = new Set();
  #replaced: ReadonlySet<string> = new Set();
  #previous: ReadonlySet<string> = new Set();
  /** Chunks of the update under way, or of the last one that failed. */
  #wanted: ReadonlySet<string> = new Set();
  readonly #writing = new Set<Promise<void>>();

  constructor(options: {
    readonly store: GenerationStore | undefined;
    readonly health: StoreHealth;
    readonly recover: (part: PartName) => Promise<Uint8Array | undefined>;
  }) {
    this.#store = options.store;
    this.#health = options.health;
    this.#recover = options.recover;
  }

  /** The bytes of a part, verified again where they come from the store. */
  async read({ kind, digest }: PartName): Promise<Uint8Array | undefined> {
    const statement = this.#statements.get(digest);
    if (statement !== undefined) return new TextEncoder().encode(statement);
    if (digest === EMPTY_CHUNK_DIGEST) return new Uint8Array();
    const chunk = this.#chunks.get(digest);
    if (chunk !== undefined) return await decompress(chunk);
    return await this.#readStored(kind, digest);
  }

  /** As `read`, for what is held only: the generation in force, and the one before it. */
  async readHeld(part: PartName): Promise<Uint8Array | undefined> {
    if (!this.#isHeld(part.digest)) return undefined;
    return (await this.read(part)) ?? (await this.#recover(part));
  }

  /** Keeps a chunk whose digest has been checked. Resolves when it is kept: the bytes are then no longer needed. */
  async keepChunk(digest: string, bytes: Uint8Array): Promise<void> {
    if (this.#stored.has(digest) || this.#chunks.has(digest)) return;
    const writing = this.#keepChunk(digest, bytes).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
    await writing;
  }

  /** A generation was read from the store: its chunks lie there. */
  noteStored({ index }: GenerationStatements): void {
    for (const digest of index.value.chunks) this.#stored.add(digest);
  }

  /** Keeps a policy that came with a stream: a store that carries tenants under it needs it after it was replaced. */
  async keepPolicy({ digest, token }: { readonly digest: string; readonly token: string }): Promise<void> {
    try {
      await this.#store?.put("policy", digest, new TextEncoder().encode(token));
    } catch (error) {
      this.#health.noteFailure(error);
    }
  }

  /** A listed generation is in force: its parts are kept, and those of the one before it; all others are let go. */
  hold(generation: GenerationStatements): void {
    this.holdStatements(generation);
    this.#wanted = new Set();
    for (const held of [this.#statements, this.#chunks]) {
      for (const digest of held.keys()) if (!this.isAwaited(digest)) held.delete(digest);
    }
    for (const digest of this.#stored) if (!this.isAwaited(digest)) this.#stored.delete(digest);
  }

  /** As `hold`, in the midst of another update: what that one gathers stays. */
  holdStatements({ index, policy, locks }: GenerationStatements): void {
    const named = [index, policy, locks];
    if (!named.every(({ digest }) => this.#current.has(digest))) {
      // The index before is kept for readers half-way through it, however often policy and locks change meanwhile.
      if (this.#current.has(index.digest)) this.#replaced = this.#statementsNow;
      else this.#previous = this.#current.union(this.#replaced);
    }
    this.#statementsNow = new Set(named.map(({ digest }) => digest));
    this.#current = this.#statementsNow.union(new Set(index.value.chunks));
    for (const { digest, token } of named) this.#statements.set(digest, token);
  }

  /** A new attempt begins: forgets the chunks of earlier ones that it does not want. */
  want(chunks: readonly string[]): void {
    this.#wanted = new Set(chunks);
    for (const digest of this.#chunks.keys()) if (!this.isAwaited(digest)) this.#chunks.delete(digest);
  }

  /** Whether a part is of a generation that is held or gathered: it must not be removed. */
  isAwaited(digest: string): boolean {
    return this.#isHeld(digest) || this.#wanted.has(digest);
  }

  #isHeld(digest: string): boolean {
    return this.#current.has(digest) || this.#previous.has(digest) || this.#replaced.has(digest);
  }

  /** Has the store keep a chunk that may have gone into memory while it failed. @throws what the store throws */
  async storeChunk(store: GenerationStore, digest: string): Promise<void> {
    if (this.#stored.has(digest)) return;
    const part: PartName = { kind: "chunks", digest };
    const bytes = (await this.read(part)) ?? (await this.#recover(part));
    if (bytes === undefined) return;
    await store.put("chunks", digest, bytes);
    this.#stored.add(digest);
    this.#chunks.delete(digest);
  }

  /** The store failed: whatever was thought to lie there is looked for again. */
  distrustStore(): void {
    this.#stored.clear();
  }

  /** Resolves when nothing is being written. */
  async settle(): Promise<void> {
    await Promise.all(this.#writing);
  }

  async #keepChunk(digest: string, bytes: Uint8Array): Promise<void> {
    if (this.#store !== undefined && !this.#health.isFailing) {
      try {
        await this.#store.put("chunks", digest, bytes);
        this.#stored.add(digest);
        return;
      } catch (error) {
        this.#health.noteFailure(error);
      }
    }
    this.#chunks.set(digest, await compress(bytes));
  }

  async #readStored(kind: PartKind, digest: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#store?.read(kind, digest);
      return bytes !== undefined && (await sha256(bytes)) === digest ? bytes : undefined;
    } catch (error) {
      this.#health.noteFailure(error);
      return undefined;
    }
  }
}
