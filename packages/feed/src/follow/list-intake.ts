import { compareHeads, compareVersions, type HeadPayload } from "@dimmer/statement";
import type { FeedState } from "./feed-state.ts";
import type { Candidate, VerifiedHead } from "./generation.ts";
import { type IntakeTools, type ReadPart, takeGeneration, verifyHead } from "./intake.ts";
import type { IntakeQueue } from "./intake-queue.ts";
import { type Keyring, underNewestKeys } from "./keyring.ts";
import type { PartsKeeper } from "./parts-keeper.ts";
import type { FeedSource } from "./ports.ts";
import type { StoreWriter } from "./store-writer.ts";

/** What lists are taken with. */
export interface ListTools {
  readonly state: FeedState;
  readonly keyring: Keyring;
  readonly keeper: PartsKeeper;
  readonly writer: StoreWriter;
  /** One update at a time is put in force. */
  readonly turns: IntakeQueue;
  readonly takeKeysets: (source: FeedSource, signal: AbortSignal) => Promise<void>;
}

/** Takes heads and all that they name: verifies everything, then has it kept, then puts it in force. */
export class ListIntake {
  readonly #tools: ListTools;

  constructor(tools: ListTools) {
    this.#tools = tools;
  }

  /**
   * Takes the head that a source gave, and what it names.
   *
   * @param asked the newest head that was seen when the source was asked: what it gave may have been overtaken meanwhile
   * @throws {DimmerError} the update is then refused whole
   */
  async takeHead(
    source: FeedSource,
    token: string,
    { asked, signal }: { readonly asked: HeadPayload | undefined; readonly signal: AbortSignal },
  ): Promise<void> {
    const { state, keyring, keeper, takeKeysets } = this.#tools;
    const isReceived = source.kind === "network";
    if (token === state.live?.token && (state.isLiveReceived || !isReceived) && !this.#hasNews(state.live.payload)) {
      return;
    }
    const more = (): Promise<void> => takeKeysets(source, signal);
    const head = await underNewestKeys(keyring, more, (keys) => verifyHead(token, keys));
    if (state.seen !== undefined) {
      // A stream was faster than this answer: it says nothing new, and goes back on nothing that held when it was given.
      if (isOvertaken(head.payload, asked, state.seen)) return;
      if (compareHeads(head.payload, state.seen) === "signed before") return;
    }
    if (!this.#hasNews(head.payload)) {
      await this.#tools.turns.run(async () => state.acceptHead(head, isReceived));
      return;
    }
    const read: ReadPart = async (kind, digest) => {
      signal.throwIfAborted();
      return (await keeper.read({ kind, digest })) ?? (await source.part(kind, digest, signal));
    };
    // The key of a policy or a lock list may be as new as the head that names it.
    const candidate = await underNewestKeys(keyring, more, (keys) =>
      this.take(head, {
        keys,
        read,
        isOwner: source.givesBytesAway === true,
        seenIndex: state.seenIndex,
        onStatements: ({ index }) => keeper.want(index.value.chunks),
        onChunk: (digest, bytes) => keeper.keepChunk(digest, bytes),
      }),
    );
    await this.apply(candidate, isReceived);
  }

  /** Verifies all that a head names; the profiles that it stages are held until `apply` or a failure. @throws {DimmerError} */
  async take(
    head: VerifiedHead,
    how: Pick<IntakeTools, "keys" | "read" | "isOwner" | "seenIndex" | "onStatements" | "onChunk">,
  ): Promise<Candidate> {
    const { state } = this.#tools;
    const { held, slicer } = state;
    if (held === undefined) return await this.#takeFirst(head, how);
    const { pool } = state.table;
    pool.hold();
    try {
      return await takeGeneration(head, { ...how, held, overlay: state.applier.overlay, pool, slicer });
    } catch (error) {
      pool.release();
      throw error;
    }
  }

  /** Has a candidate kept, then puts it in force. */
  async apply(candidate: Candidate, isReceived: boolean): Promise<void> {
    const { state, turns } = this.#tools;
    try {
      this.#save(candidate);
      await this.#tools.writer.wait();
      await turns.run(() => state.applyGeneration(candidate, isReceived));
    } finally {
      state.table.pool.release();
    }
    const { generation } = state;
    if (generation !== undefined && state.applier.exceptional.isCarrying) this.#save(generation);
  }

  /**
   * Takes the first generation straight into a table of its own, chunk by chunk as they verify: it counts once all of it
   * has, and if it does not, the table is let go. A million tenants are staged nowhere else.
   */
  async #takeFirst(head: VerifiedHead, how: Parameters<ListIntake["take"]>[1]): Promise<Candidate> {
    const { state } = this.#tools;
    const { table, applier } = state.newFirst();
    table.pool.hold();
    const candidate = await takeGeneration(head, {
      ...how,
      held: undefined,
      pool: table.pool,
      slicer: state.slicer,
      onStatements: (statements) => {
        how.onStatements?.(statements);
        applier.begin(statements);
      },
      place: (chunk) => applier.place(chunk),
    });
    return { ...candidate, first: { table, applier } };
  }

  /** Whether a head names anything that is not in force. */
  #hasNews({ index, policy, locks }: HeadPayload): boolean {
    const { state } = this.#tools;
    const isHeld = index === state.generation?.index.digest && locks.digest === state.locks?.digest;
    return !isHeld || policy !== state.policy?.digest;
  }

  #save(generation: Parameters<StoreWriter["save"]>[0]): void {
    const { writer, keyring, state } = this.#tools;
    writer.save(generation, keyring.tokens, state.applier.exceptional);
  }
}

function isOvertaken(head: HeadPayload, asked: HeadPayload | undefined, seen: HeadPayload): boolean {
  if (asked === undefined || asked === seen) return false;
  return compareVersions(head, asked) >= 0 && compareVersions(head, seen) < 0;
}
