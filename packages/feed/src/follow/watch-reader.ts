import type { Version } from "@dimmer/statement";
import type { FeedSource, ReplicaClock, WatchEvent } from "./ports.ts";

/** Heartbeats come every 5 s; a line on which three are missing is dead, whatever the transport believes. */
export const SILENCE_MS = 15_000;
const LOOK_MS = 1_000;
/** What is read ahead of what is taken; past either bound the line is not read on. */
const MAX_AHEAD = 1_024;
const MAX_AHEAD_BYTES = 8 * 1024 * 1024;
const BRINGING: ReadonlySet<string> = new Set(["delta", "locks", "policy", "head"]);

/** How a stream ended without a fault. */
export type WatchEnd =
  /** The server closed it. */
  | { readonly reason: "closed" }
  /** The server asks to be left alone for a while. */
  | { readonly reason: "goaway"; readonly afterMs: number }
  /** Nothing was heard for three heartbeats. */
  | { readonly reason: "silent" }
  /** `take` said so, or the signal was aborted. */
  | { readonly reason: "stopped" };

/** How to read a stream. */
export interface WatchReaderOptions {
  /** The version held: the stream begins after it. */
  readonly from: Version;
  /** `false`: locks, policy and heads alone. */
  readonly tenants: boolean;
  readonly clock: Pick<ReplicaClock, "monotonicMs" | "every">;
  readonly signal: AbortSignal;
  /** Takes all that came since it was called last, unverified, in order, at least one. Its fault ends the stream. */
  readonly take: (events: readonly WatchEvent[]) => Promise<"go on" | "stop">;
  /** Something came, if only a heartbeat. */
  readonly onAlive?: () => void;
}

/**
 * Reads one stream of a source to its end. It does not trust the transport: a line that gives nothing for three
 * heartbeats by the clock given is aborted. Names of events that it does not know are passed over. What is read ahead is
 * bounded, so that a slow taker slows the server down. It verifies nothing and opens nothing again.
 *
 * @throws what the source throws, as `SourceFault`; what `take` throws
 */
export async function readWatch(source: Pick<FeedSource, "watch">, options: WatchReaderOptions): Promise<WatchEnd> {
  const reader = new WatchReader(source, options);
  return await reader.run();
}

class WatchReader {
  readonly #source: Pick<FeedSource, "watch">;
  readonly #options: WatchReaderOptions;
  readonly #abort = new AbortController();
  #inbox: WatchEvent[] = [];
  #bytes = 0;
  #heardMs: number;
  #isSilent = false;
  #isPaused = false;
  #isOver = false;
  /** Wakes whoever waits for the inbox: the taker for its first event, the reader for room. */
  #changed = Promise.withResolvers<void>();

  constructor(source: Pick<FeedSource, "watch">, options: WatchReaderOptions) {
    this.#source = source;
    this.#options = options;
    this.#heardMs = options.clock.monotonicMs();
  }

  async run(): Promise<WatchEnd> {
    const { clock, signal, take } = this.#options;
    const timer = clock.every(LOOK_MS, () => this.#look());
    const stop = (): void => this.#abort.abort(signal.reason);
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    const reading = this.#read().finally(() => {
      this.#isOver = true;
      this.#wake();
    });
    // Heard where it is awaited below, unless taking fails first.
    reading.catch(() => undefined);
    try {
      while (!this.#abort.signal.aborted) {
        if (this.#inbox.length === 0) {
          if (this.#isOver) break;
          await this.#changed.promise;
          continue;
        }
        const events = this.#inbox;
        this.#inbox = [];
        this.#bytes = 0;
        this.#wake();
        if ((await take(events)) === "stop") return { reason: "stopped" };
      }
      return await reading;
    } finally {
      timer.stop();
      signal.removeEventListener("abort", stop);
      this.#abort.abort(new Error("the stream is no longer read"));
    }
  }

  async #read(): Promise<WatchEnd> {
    const { from, tenants, onAlive } = this.#options;
    const { signal } = this.#abort;
    const aborted = new Promise<"aborted">((resolve) => {
      signal.addEventListener("abort", () => resolve("aborted"), { once: true });
      if (signal.aborted) resolve("aborted");
    });
    const iterator = this.#source.watch?.(from, { tenants }, signal)[Symbol.asyncIterator]();
    if (iterator === undefined) return { reason: "closed" };
    try {
      for (;;) {
        const coming = iterator.next();
        coming.catch(() => undefined);
        const next = await Promise.race([coming, aborted]);
        if (next === "aborted") return { reason: this.#isSilent ? "silent" : "stopped" };
        this.#heardMs = this.#options.clock.monotonicMs();
        if (next.done === true) return { reason: "closed" };
        onAlive?.();
        const event = next.value;
        if (event.event === "goaway")
          return event.afterMs >= 0 ? { reason: "goaway", afterMs: event.afterMs } : { reason: "closed" };
        if (!BRINGING.has(event.event)) continue;
        this.#put(event);
        await this.#untilRoom(aborted);
      }
    } finally {
      // A transport that hangs is not waited for.
      void Promise.resolve(iterator.return?.()).catch(() => undefined);
    }
  }

  #put(event: WatchEvent): void {
    this.#inbox.push(event);
    if ("data" in event) this.#bytes += event.data.length;
    this.#wake();
  }

  async #untilRoom(aborted: Promise<unknown>): Promise<void> {
    while (!this.#abort.signal.aborted && (this.#inbox.length >= MAX_AHEAD || this.#bytes >= MAX_AHEAD_BYTES)) {
      this.#isPaused = true;
      await Promise.race([this.#changed.promise, aborted]);
    }
    if (this.#isPaused) this.#heardMs = this.#options.clock.monotonicMs();
    this.#isPaused = false;
  }

  #look(): void {
    if (this.#isPaused || this.#options.clock.monotonicMs() - this.#heardMs < SILENCE_MS) return;
    this.#isSilent = true;
    this.#abort.abort(new Error(`nothing came for ${SILENCE_MS} ms`));
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
