import { DimmerError } from "@dimmer/core";
import { sha256 } from "@dimmer/statement";
import { EMPTY_CHUNK_DIGEST } from "./chunk.ts";
import { compress, decompress } from "./compress.ts";
import type { ExceptionalTenants } from "./exceptional-tenants.ts";
import type { Generation, GenerationStatements } from "./generation.ts";
import type { PartName } from "./part-fault.ts";
import type { CarriedTenants, GenerationStore, PartKind, ReplicaClock, ReplicaLog } from "./ports.ts";
import type { StoreStatus } from "./status.ts";

/** What is to be saved. */
interface ToSave {
  readonly generation: GenerationStatements;
  readonly keysets: readonly string[];
  readonly carried: readonly CarriedTenants[];
}

/** A head that only renews the freshness is kept this often: a restart then knows the time of contact that well. */
const RENEWAL_MS = 60_000;

/**
 * Keeps the verified bytes of the generation in force and the one before it: for serving them again, for the next start,
 * and so that an update that failed half-way does not read again what was good. Statements stay in memory; chunks go to
 * the store, or, where there is none or it fails, into memory compressed (some 10 MB for a million tenants). It never
 * throws; what goes wrong with the store stands in `status`.
 */
export class PartsKeeper {
  readonly #store: GenerationStore | undefined;
  readonly #clock: ReplicaClock;
  readonly #log: ReplicaLog;
  /** Reads a part from wherever it can still be had, verified. */
  readonly #recover: (part: PartName) => Promise<Uint8Array | undefined>;
  readonly #statements = new Map<string, string>();
  readonly #chunks = new Map<string, Uint8Array>();
  readonly #stored = new Set<string>();
  #current = new Set<string>();
  #previous = new Set<string>();
  /** Chunks of the update under way, or of the last one that failed. */
  #wanted: ReadonlySet<string> = new Set();
  readonly #writing = new Set<Promise<void>>();
  #saving: Promise<void> = Promise.resolve();
  #isSaving = false;
  #next: ToSave | undefined;
  #savedHead = "";
  #savedMs = Number.NEGATIVE_INFINITY;
  #status: StoreStatus | undefined;

  constructor(options: {
    readonly store: GenerationStore | undefined;
    readonly clock: ReplicaClock;
    readonly log: ReplicaLog;
    readonly recover: (part: PartName) => Promise<Uint8Array | undefined>;
  }) {
    const { store } = options;
    this.#store = store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#recover = options.recover;
    this.#status = store === undefined ? undefined : { name: store.name, state: "waiting" };
  }

  get status(): StoreStatus | undefined {
    return this.#status;
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
    if (!this.#current.has(part.digest) && !this.#previous.has(part.digest)) return undefined;
    return (await this.read(part)) ?? (await this.#recover(part));
  }

  /** Keeps a chunk whose digest has been checked. Resolves when it is kept: the bytes are then no longer needed. */
  async keepChunk(digest: string, bytes: Uint8Array): Promise<void> {
    if (this.#stored.has(digest) || this.#chunks.has(digest)) return;
    const writing = this.#keepChunk(digest, bytes).finally(() => this.#writing.delete(writing));
    this.#writing.add(writing);
    await writing;
  }

  /** A generation was read from the store: its chunks lie there, and its head is the one kept. */
  noteStored({ head, index }: Generation): void {
    for (const digest of index.value.chunks) this.#stored.add(digest);
    this.#savedHead = head.token;
    this.#savedMs = this.#clock.monotonicMs();
    if (this.#store !== undefined) this.#status = { name: this.#store.name, state: "ok" };
  }

  /** Notes that the store could not do something. */
  noteFailure(error: unknown): void {
    this.#fail(error);
  }

  /** The generation is in force: its parts are kept, and those of the one before it; all others are let go. */
  hold({ index, policy, locks }: Generation): void {
    const current = new Set([index.digest, policy.digest, locks.digest, ...index.value.chunks]);
    const isSame = [index, policy, locks].every(({ digest }) => this.#current.has(digest));
    if (!isSame) this.#previous = this.#current;
    this.#current = current;
    for (const { digest, token } of [index, policy, locks]) this.#statements.set(digest, token);
    this.#wanted = new Set();
    for (const held of [this.#statements, this.#chunks]) {
      for (const digest of held.keys()) if (!this.#isAwaited(digest)) held.delete(digest);
    }
    for (const digest of this.#stored) if (!this.#isAwaited(digest)) this.#stored.delete(digest);
  }

  /** A new attempt begins: forgets the chunks of earlier ones that it does not want. */
  want(chunks: readonly string[]): void {
    this.#wanted = new Set(chunks);
    for (const digest of this.#chunks.keys()) if (!this.#isAwaited(digest)) this.#chunks.delete(digest);
  }

  /** Has the store keep a generation. Where one is being kept already, the newest given meanwhile follows it. */
  save(generation: GenerationStatements, keysets: readonly string[], exceptional: ExceptionalTenants): void {
    if (this.#store === undefined) return;
    this.#savedHead = generation.head.token;
    this.#savedMs = this.#clock.monotonicMs();
    const isRunning = this.#next !== undefined || this.#isSaving;
    this.#next = { generation, keysets, carried: exceptional.carried() };
    if (!isRunning) this.#saving = this.#saveAll(this.#store);
  }

  /** Whether it is time to save again: for a head that renewed the freshness, or because the last attempt failed. */
  isSaveDue(head: string): boolean {
    if (this.#store === undefined) return false;
    const isWanted = head !== this.#savedHead || this.#status?.state === "failing";
    return isWanted && this.#clock.monotonicMs() - this.#savedMs >= RENEWAL_MS;
  }

  /** Whether the newest head is the one kept last. */
  isSaved(head: string): boolean {
    return this.#store === undefined || head === this.#savedHead;
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    await Promise.all(this.#writing);
    await this.#saving;
  }

  async #keepChunk(digest: string, bytes: Uint8Array): Promise<void> {
    if (this.#store !== undefined && this.#status?.state !== "failing") {
      try {
        await this.#store.put("chunks", digest, bytes);
        this.#stored.add(digest);
        return;
      } catch (error) {
        this.#fail(error);
      }
    }
    this.#chunks.set(digest, await compress(bytes));
  }

  async #readStored(kind: PartKind, digest: string): Promise<Uint8Array | undefined> {
    try {
      const bytes = await this.#store?.read(kind, digest);
      return bytes !== undefined && (await sha256(bytes)) === digest ? bytes : undefined;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  async #saveAll(store: GenerationStore): Promise<void> {
    this.#isSaving = true;
    for (let next = this.#next; next !== undefined; next = this.#next) {
      this.#next = undefined;
      await this.#save(store, next);
    }
    this.#isSaving = false;
  }

  async #save(store: GenerationStore, { generation, keysets, carried }: ToSave): Promise<void> {
    const { head, index, policy, locks } = generation;
    const statements = { index, policy, locks };
    const chunks = [...new Set(index.value.chunks)];
    const parts: PartName[] = chunks.map((digest) => ({ kind: "chunks", digest }));
    try {
      for (const [kind, { digest, token }] of Object.entries(statements) as [PartKind, typeof index][]) {
        await store.put(kind, digest, new TextEncoder().encode(token));
        parts.push({ kind, digest });
      }
      // What went into memory while the store failed belongs onto the disk now.
      for (const digest of chunks) await this.#storeChunk(store, digest);
      await store.save({
        head: head.token,
        keysets,
        version: { epoch: head.payload.epoch, seq: head.payload.seq },
        ...(carried.length === 0 ? {} : { carried }),
        parts,
        isAwaited: (digest) => this.#isAwaited(digest),
      });
      this.#status = { ...this.#status, name: store.name, state: "ok" };
    } catch (error) {
      // Whatever was thought to lie there is looked for again by the next attempt.
      this.#stored.clear();
      this.#fail(error);
    }
  }

  #isAwaited(digest: string): boolean {
    return this.#current.has(digest) || this.#previous.has(digest) || this.#wanted.has(digest);
  }

  async #storeChunk(store: GenerationStore, digest: string): Promise<void> {
    if (this.#stored.has(digest)) return;
    const part: PartName = { kind: "chunks", digest };
    const bytes = (await this.read(part)) ?? (await this.#recover(part));
    if (bytes === undefined) return;
    await store.put("chunks", digest, bytes);
    this.#stored.add(digest);
    this.#chunks.delete(digest);
  }

  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const isNew = this.#status?.state !== "failing" || this.#status.lastError !== message;
    this.#status = { name: this.#store?.name ?? "", state: "failing", lastError: message };
    if (!isNew) return;
    const code = error instanceof DimmerError ? error.code : "disk_failed";
    this.#log.error({ store: this.#store?.name, code }, `generations are not kept: ${message}`);
  }
}
