import { compareVersions } from "@dimmer/statement";
import type { ExceptionalTenants } from "./exceptional-tenants.ts";
import type { GenerationStatements } from "./generation.ts";
import type { PartName } from "./part-fault.ts";
import type { PartsKeeper } from "./parts-keeper.ts";
import type { CarriedTenants, GenerationStore, PartKind, ReplicaClock, StoredFrame } from "./ports.ts";
import type { StoreHealth } from "./store-health.ts";

/** What is to be saved. */
interface ToSave {
  readonly generation: GenerationStatements;
  readonly keysets: readonly string[];
  readonly carried: readonly CarriedTenants[];
}

/** A head that only renews the freshness is kept this often: a restart then knows the time of contact that well. */
const RENEWAL_MS = 60_000;
/** How long an update waits for the disk before it counts all the same. */
const PATIENCE_MS = 2_000;

/**
 * Has the store keep generations, and the frames that a stream brought since: one thing at a time, and what comes while
 * the store is busy together, so that a burst costs a write or two. A generation that covers frames takes their place. It
 * never throws; what goes wrong stands in the health of the store.
 */
export class StoreWriter {
  readonly #store: GenerationStore | undefined;
  readonly #clock: ReplicaClock;
  readonly #keeper: PartsKeeper;
  readonly #health: StoreHealth;
  /** What the newest generation kept, or about to be, does not cover. */
  #frames: StoredFrame[] = [];
  /** Those of them that are not on the disk. */
  #due: StoredFrame[] = [];
  #next: ToSave | undefined;
  /** The generation that frames are added to. */
  #last: ToSave | undefined;
  #writing: Promise<void> | undefined;
  /** Whether the store has the frames of `#last` with another generation than it. */
  #isElsewhere = false;
  #savedHead = "";
  #savedMs = Number.NEGATIVE_INFINITY;

  constructor(options: {
    readonly store: GenerationStore | undefined;
    readonly clock: ReplicaClock;
    readonly keeper: PartsKeeper;
    readonly health: StoreHealth;
  }) {
    this.#store = options.store;
    this.#clock = options.clock;
    this.#keeper = options.keeper;
    this.#health = options.health;
  }

  /**
   * A generation was read from the store, and all frames that lie there.
   *
   * @param isNewest `false`: newer ones are damaged, and what is added to them would be lost with them
   */
  noteStored(
    generation: GenerationStatements,
    frames: readonly StoredFrame[],
    { isNewest, ...about }: Omit<ToSave, "generation"> & { readonly isNewest: boolean },
  ): void {
    this.#isElsewhere = !isNewest;
    this.#last = { generation, ...about };
    this.#frames = [...frames];
    this.#savedHead = generation.head.token;
    this.#savedMs = this.#clock.monotonicMs();
    this.#health.noteSuccess();
  }

  /** Has a generation kept. Where one is being kept already, the newest given meanwhile follows it. */
  save(generation: GenerationStatements, keysets: readonly string[], exceptional: ExceptionalTenants): void {
    if (this.#store === undefined) return;
    this.#savedHead = generation.head.token;
    this.#savedMs = this.#clock.monotonicMs();
    this.#next = { generation, keysets, carried: exceptional.carried() };
    this.#begin(this.#store);
  }

  /**
   * Has verified frames kept, in their order.
   *
   * @param keysets that they verified under: newer ones than are kept have all kept anew, or a restart without a source
   *   would not know the key
   */
  append(frames: readonly StoredFrame[], keysets: readonly string[]): void {
    if (this.#store === undefined) return;
    const named = this.#next ?? this.#last;
    if (named !== undefined && named.keysets !== keysets) this.#next = { ...named, keysets };
    this.#frames.push(...frames);
    this.#due.push(...frames);
    this.#begin(this.#store);
  }

  /**
   * Waits until everything given so far is kept: what was answered by it once is then never forgotten in a crash (F1,
   * D3). A disk that is slow or fails is not waited for long.
   */
  async wait(): Promise<void> {
    if (this.#writing === undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#clock.after(PATIENCE_MS, resolve);
    await Promise.race([this.settle(), promise]);
    timer.stop();
  }

  /** Resolves when nothing is under way. */
  async settle(): Promise<void> {
    await this.#keeper.settle();
    await this.#writing;
  }

  /** Whether it is time to save again: for a head that renewed the freshness, or because the last attempt failed. */
  isSaveDue(head: string): boolean {
    if (this.#store === undefined) return false;
    const isWanted = head !== this.#savedHead || this.#health.isFailing;
    return isWanted && this.#clock.monotonicMs() - this.#savedMs >= RENEWAL_MS;
  }

  /** Whether the newest head is the one kept last, and nothing went wrong since. */
  isSaved(head: string): boolean {
    return this.#store === undefined || (head === this.#savedHead && !this.#health.isFailing);
  }

  #begin(store: GenerationStore): void {
    this.#writing ??= this.#run(store).finally(() => {
      this.#writing = undefined;
    });
  }

  async #run(store: GenerationStore): Promise<void> {
    while (this.#next !== undefined || this.#due.length > 0) {
      const next = this.#next;
      this.#next = undefined;
      if (next !== undefined) await this.#save(store, next);
      else await this.#append(store);
    }
  }

  async #append(store: GenerationStore): Promise<void> {
    const due = this.#due;
    this.#due = [];
    // Before the first generation is kept there is nothing to add to: it takes all frames with it.
    if (this.#last === undefined) return;
    // What did not reach the disk would be a gap that nothing behind it is read over.
    if (this.#health.isFailing || this.#isElsewhere) return await this.#save(store, this.#last);
    try {
      await store.append(due);
    } catch (error) {
      this.#health.noteFailure(error);
    }
  }

  async #save(store: GenerationStore, toSave: ToSave): Promise<void> {
    const { generation, keysets, carried } = toSave;
    const { head, index, policy, locks } = generation;
    const statements = { index, policy, locks };
    const chunks = [...new Set(index.value.chunks)];
    const parts: PartName[] = chunks.map((digest) => ({ kind: "chunks", digest }));
    this.#last = toSave;
    try {
      for (const [kind, { digest, token }] of Object.entries(statements) as [PartKind, typeof index][]) {
        await store.put(kind, digest, new TextEncoder().encode(token));
        parts.push({ kind, digest });
      }
      for (const digest of chunks) await this.#keeper.storeChunk(store, digest);
      // As late as can be: what was added meanwhile is kept along.
      this.#frames = uncovered(this.#frames, generation);
      this.#due = [];
      await store.save({
        head: head.token,
        keysets,
        version: { epoch: head.payload.epoch, seq: head.payload.seq },
        ...(carried.length === 0 ? {} : { carried }),
        ...(this.#frames.length === 0 ? {} : { frames: [...this.#frames] }),
        parts,
        isAwaited: (digest) => this.#keeper.isAwaited(digest),
      });
      this.#isElsewhere = false;
      this.#health.noteSuccess();
    } catch (error) {
      this.#keeper.distrustStore();
      this.#health.noteFailure(error);
    }
  }
}

/** The frames that a generation does not make superfluous. */
function uncovered(frames: readonly StoredFrame[], { head, index }: GenerationStatements): StoredFrame[] {
  const { payload } = head;
  const covers = { delta: index.value, locks: payload.locks, policy: payload, head: payload };
  const newestHead = frames.findLast(({ event }) => event === "head");
  return frames.filter((frame) => {
    const isNewer = compareVersions(frame.version, covers[frame.event]) > 0;
    return isNewer && (frame.event !== "head" || frame === newestHead);
  });
}
