import { DimmerError } from "@dimmer/core";
import { Backoff } from "./backoff.ts";
import type { FeedSource, ReplicaClock, ReplicaTimer } from "./ports.ts";
import { SourceFault } from "./source-fault.ts";
import type { SourceStatus } from "./status.ts";

/** What a source's news are given to. */
export interface SourceSink {
  /** Takes a head, and all that it names, or rejects. */
  takeHead(source: FeedSource, token: string): Promise<void>;
  /** Takes the keysets, or rejects. */
  takeKeysets(source: FeedSource): Promise<void>;
  /** Hears of a fault; `isRefusal`: the source answers, with what does not verify. */
  onFault(source: FeedSource, error: DimmerError, isRefusal: boolean, token: string | undefined): void;
  nowMs(): number;
}

/** Keysets are looked at this often even where the head does not change: a revocation may stand in them. */
const KEYSETS_EVERY_MS = 60_000;

/**
 * Polls one source, for as long as it is started. A directory is asked again at the next poll whatever it answered; a
 * network source that fails or is refused is left alone for longer and longer.
 */
export class SourceFollower {
  readonly source: FeedSource;
  readonly #sink: SourceSink;
  readonly #clock: ReplicaClock;
  readonly #pollMs: number;
  readonly #backoff: Backoff;
  readonly #abort = new AbortController();
  #status: SourceStatus;
  #etag: string | undefined;
  /** The head taken last, whose etag may be sent. */
  #taken: string | undefined;
  #keysetsMs = Number.NEGATIVE_INFINITY;
  #timer: ReplicaTimer | undefined;
  #polling: Promise<void> | undefined;

  constructor(
    source: FeedSource,
    sink: SourceSink,
    options: { readonly clock: ReplicaClock; readonly pollMs: number; readonly random: () => number },
  ) {
    this.source = source;
    this.#sink = sink;
    this.#clock = options.clock;
    this.#pollMs = options.pollMs;
    this.#backoff = new Backoff(options.random);
    this.#status = { name: source.name, state: "waiting" };
  }

  get status(): SourceStatus {
    return this.#status;
  }

  /** Aborted when the source is stopped. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Polls now, and from now on. One that is under way is waited for first: it may have begun before the news. */
  async poll(): Promise<void> {
    await this.#polling;
    if (this.#abort.signal.aborted) return;
    this.#polling ??= this.#pollAndSchedule().finally(() => {
      this.#polling = undefined;
    });
    await this.#polling;
  }

  /** Stops polling, and waits for what is under way. Never rejects. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error("the replica is closed"));
    this.#timer?.stop();
    await this.#polling;
    await this.source.close?.().catch(() => undefined);
  }

  async #pollAndSchedule(): Promise<void> {
    this.#timer?.stop();
    const delayMs = await this.#pollOnce();
    if (this.#abort.signal.aborted) return;
    this.#timer = this.#clock.after(delayMs, () => void this.poll());
  }

  /** @returns milliseconds until the next poll */
  async #pollOnce(): Promise<number> {
    const { source } = this;
    let token: string | undefined;
    try {
      const known = this.#etag === undefined ? undefined : { etag: this.#etag };
      const answer = await source.head(known, this.#abort.signal);
      if (this.#clock.monotonicMs() - this.#keysetsMs >= KEYSETS_EVERY_MS) {
        await this.#sink.takeKeysets(source);
        this.#keysetsMs = this.#clock.monotonicMs();
      }
      if (answer !== "unchanged") {
        token = answer.token;
        if (token !== this.#taken) await this.#sink.takeHead(source, token);
        this.#taken = token;
        this.#etag = answer.etag;
      }
      this.#status = { ...this.#status, state: "ok", lastOkMs: this.#sink.nowMs() };
      this.#backoff.reset();
      return this.#pollMs;
    } catch (error) {
      return this.#abort.signal.aborted ? this.#pollMs : this.#fail(toDimmerError(error), token);
    }
  }

  #fail(error: DimmerError, token: string | undefined): number {
    const isRefusal = error.code !== "feed_unreachable" && error.code !== "disk_failed";
    this.#status = { ...this.#status, state: isRefusal ? "refused" : "failing", lastError: error.message };
    this.#sink.onFault(this.source, error, isRefusal, token);
    if (this.source.kind === "directory") return this.#pollMs;
    return this.#backoff.next(error instanceof SourceFault ? error.retryAfterMs : undefined);
  }
}

function toDimmerError(error: unknown): DimmerError {
  if (error instanceof DimmerError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new DimmerError("feed_refused", `unexpected: ${message}`, { cause: error });
}
