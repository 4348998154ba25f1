import type { WatchFrame, WatchHub } from "@dimmer/feed/node";
import { compareVersions, type Version } from "@dimmer/statement";
import type { Publication } from "../sequencer/feed-position.ts";
import type { Store } from "../store/open-store.ts";
import { isCutOff } from "./watch-cut.ts";

/** The published feed as this process knows it. */
interface Known extends Version {
  readonly head: string;
}

/** A change that is waited for. */
export interface Change {
  /** Resolves when it happened, took too long or was cancelled. */
  readonly happened: Promise<void>;
  readonly cancel: () => void;
}

const MAX_BACKLOG = 10_000;

/**
 * What this process passes on to its watch streams. In the process that signs it is told of each change; in the others
 * it looks at the store. Either way an event goes out once, in the order of versions, after its transaction committed.
 */
export class FeedView {
  readonly #store: Store;
  readonly #hub: WatchHub;
  readonly #waiters = new Set<() => void>();
  /** Called whenever there is another head. */
  onChanged: () => void = () => undefined;
  #known: Known | undefined;
  #looking: Promise<void> | undefined;

  constructor(store: Store, hub: WatchHub) {
    this.#store = store;
    this.#hub = hub;
  }

  /** The head published last; `undefined` before the first. */
  get head(): string | undefined {
    return this.#known?.head;
  }

  /** The version published last. */
  get version(): Version | undefined {
    return this.#known && { epoch: this.#known.epoch, seq: this.#known.seq };
  }

  /** Passes a change on that this process has published. */
  onPublication(publication: Publication): void {
    const { epoch, seq, base, head } = publication;
    const known = this.#known;
    // A change that does not follow what was passed on: the store has what lies between.
    if (known !== undefined && (known.epoch !== epoch || known.seq !== base)) {
      void this.look();
      return;
    }
    this.#known = { epoch, seq, head };
    this.#hub.broadcast([...framesOf(publication), { event: "head", data: head }]);
    this.onChanged();
    this.#tell();
  }

  /** Passes a newer head on. One for another version than is known: the store has what lies between. */
  onHead(head: string, { epoch, seq }: Version): void {
    if (this.#known?.epoch !== epoch || this.#known.seq !== seq) {
      void this.look();
      return;
    }
    this.#known = { epoch, seq, head };
    this.#hub.broadcast([{ event: "head", data: head }]);
    this.onChanged();
  }

  /** Passes on what another process has published. Never rejects: an unreachable store is looked at again. */
  look(): Promise<void> {
    this.#looking ??= this.#catchUp()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  /** Has everybody who waits look again: what they wait for may have been settled without a version of its own. */
  onSettled(): void {
    this.#tell();
  }

  /** Waits for the next change that this process learns of, at most `timeoutMs`. Cancel it where it is not awaited. */
  changed(timeoutMs: number): Change {
    const { promise, resolve } = Promise.withResolvers<void>();
    const finish = (): void => {
      clearTimeout(timer);
      this.#waiters.delete(finish);
      resolve();
    };
    const timer = setTimeout(finish, timeoutMs);
    this.#waiters.add(finish);
    return { happened: promise, cancel: finish };
  }

  /**
   * Reads what a reader that holds `from` has missed, and has its stream opened with it in the same turn: whatever is
   * published from then on is passed on to it. Reads the store.
   */
  async resume(from: Version, open: (missed: readonly WatchFrame[]) => void): Promise<"open" | "list again"> {
    for (;;) {
      const known = this.#known;
      if (known === undefined || from.epoch !== known.epoch || compareVersions(from, known) > 0) return "list again";
      if (await isCutOff(this.#store.db, from)) return "list again";
      const missed = await this.#publications(from);
      if (this.#known !== known) continue;
      const isWhole = missed.length === known.seq - from.seq && missed.length <= MAX_BACKLOG;
      if (!isWhole) return "list again";
      open([...missed.flatMap(framesOf), { event: "head", data: known.head }]);
      return "open";
    }
  }

  async #catchUp(): Promise<void> {
    const known = this.#known;
    const row = await this.#store.db
      .selectFrom("feed_state")
      .select(["epoch", "seq", "head"])
      .where("id", "=", 1)
      .executeTakeFirst();
    // What this process published meanwhile is newer than what was read.
    if (row === undefined || this.#known !== known) return;
    if (known !== undefined && compareVersions(row, known) < 0) return;
    if (known?.head === row.head) return;
    const missed = known === undefined || known.epoch !== row.epoch ? [] : await this.#publications(known, row.seq);
    if (this.#known !== known) return;
    this.#known = row;
    this.#hub.broadcast([...missed.flatMap(framesOf), { event: "head", data: row.head }]);
    this.onChanged();
    if (known?.epoch !== row.epoch || known.seq !== row.seq) this.#tell();
  }

  async #publications(after: Version, to = Number.MAX_SAFE_INTEGER): Promise<Omit<Publication, "head">[]> {
    const rows = await this.#store.db
      .selectFrom("publication")
      .select(["epoch", "seq", "base", "delta", "locks", "policy"])
      .where("epoch", "=", after.epoch)
      .where("seq", ">", after.seq)
      .where("seq", "<=", to)
      .orderBy("seq")
      .limit(MAX_BACKLOG + 1)
      .execute();
    return rows.map(({ locks, policy, ...row }) => ({
      ...row,
      ...(locks === null ? {} : { locks }),
      ...(policy === null ? {} : { policy }),
    }));
  }

  #tell(): void {
    for (const waiter of this.#waiters) waiter();
  }
}

/** Policy and locks go before the delta that stands on them. */
function framesOf({ epoch, seq, delta, locks, policy }: Omit<Publication, "head">): WatchFrame[] {
  const version = { epoch, seq };
  return [
    ...(policy === undefined ? [] : [{ event: "policy" as const, data: policy }]),
    ...(locks === undefined ? [] : [{ event: "locks" as const, data: locks }]),
    { event: "delta", data: delta, version },
  ];
}
