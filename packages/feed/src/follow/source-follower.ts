import type { DimmerError } from "@dimmer/core";
import type { HeadPayload, Version } from "@dimmer/statement";
import { Backoff } from "./backoff.ts";
import type { FramesTaken } from "./frame-intake.ts";
import type { FeedSource, ReplicaClock, ReplicaTimer, WatchEvent } from "./ports.ts";
import { SourceFault } from "./source-fault.ts";
import { SourceStream, type StreamEnd, toDimmerError } from "./source-stream.ts";
import type { SourceStatus } from "./status.ts";

/** What a source's news are given to. */
export interface SourceSink {
  /** The version in force; a stream begins after it. */
  readonly version: Version | undefined;
  /** The newest head ever seen. */
  readonly seen: HeadPayload | undefined;
  /** Takes a head, and all that it names, or rejects. `asked`: the newest head seen when the source was asked. */
  takeHead(source: FeedSource, token: string, asked: HeadPayload | undefined): Promise<void>;
  /** Takes the keysets, or rejects. */
  takeKeysets(source: FeedSource): Promise<void>;
  /** Takes what a stream gave, in order, or rejects. */
  takeFrames(source: FeedSource, events: readonly WatchEvent[], signal: AbortSignal): Promise<FramesTaken>;
  /** Hears of a fault; `isRefusal`: the source answers, with what does not verify. */
  onFault(source: FeedSource, error: DimmerError, isRefusal: boolean, token: string | undefined): void;
  nowMs(): number;
}

/** How often a source is asked. */
export interface SourcePace {
  readonly clock: ReplicaClock;
  readonly pollMs: number;
  readonly slowPollMs: number;
  readonly random: () => number;
}

/** Keysets are looked at this often even where the head does not change: a revocation may stand in them. */
const KEYSETS_EVERY_MS = 60_000;

/**
 * Follows one source, for as long as it is started: lists it, and reads its stream where it has one. It is listed on beside
 * a healthy stream, slowly, and without one as often as it is polled. A directory is asked again at the next poll whatever
 * it answered; a network source that fails or is refused is left alone for longer and longer, list and stream alike.
 */
export class SourceFollower {
  readonly source: FeedSource;
  readonly #sink: SourceSink;
  readonly #pace: SourcePace;
  readonly #backoff: Backoff;
  readonly #stream: SourceStream;
  readonly #abort = new AbortController();
  #status: Omit<SourceStatus, "following" | keyof SourceStream["counts"]>;
  #etag: string | undefined;
  /** The head taken last, whose etag may be sent. */
  #taken: string | undefined;
  #keysetsMs = Number.NEGATIVE_INFINITY;
  #timer: ReplicaTimer | undefined;
  #dueMs = Number.POSITIVE_INFINITY;
  #polling: Promise<void> | undefined;

  constructor(source: FeedSource, sink: SourceSink, pace: SourcePace) {
    this.source = source;
    this.#sink = sink;
    this.#pace = pace;
    this.#backoff = new Backoff(pace.random, source.isNear);
    this.#status = { name: source.name, state: "waiting" };
    this.#stream = new SourceStream({
      source,
      clock: pace.clock,
      backoff: this.#backoff,
      signal: this.#abort.signal,
      take: (events, signal) => sink.takeFrames(source, events, signal),
      onHealthy: () => this.#schedule(this.#slowMs),
      onListWanted: () => this.#scheduleWithin(pace.random() * pace.pollMs),
      onEnd: (end) => this.#onStreamEnd(end),
    });
  }

  get status(): SourceStatus {
    const following = this.#stream.isHealthy ? "streaming" : "polling";
    return { ...this.#status, following, ...this.#stream.counts };
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

  /** Stops polling and reading, and waits for what is under way. Never rejects. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error("the replica is closed"));
    this.#timer?.stop();
    await this.#polling;
    await this.#stream.settle();
    await this.source.close?.().catch(() => undefined);
  }

  get #slowMs(): number {
    return this.#pace.slowPollMs * (0.75 + this.#pace.random() / 2);
  }

  async #pollAndSchedule(): Promise<void> {
    this.#timer?.stop();
    this.#dueMs = Number.POSITIVE_INFINITY;
    const delayMs = await this.#pollOnce();
    // What was wanted meanwhile may be due earlier.
    if (!this.#abort.signal.aborted) this.#scheduleWithin(delayMs);
  }

  #schedule(delayMs: number): void {
    this.#timer?.stop();
    this.#dueMs = this.#pace.clock.monotonicMs() + delayMs;
    this.#timer = this.#pace.clock.after(delayMs, () => void this.poll());
  }

  /** As `#schedule`, unless the next poll comes sooner anyway. */
  #scheduleWithin(delayMs: number): void {
    if (this.#pace.clock.monotonicMs() + delayMs < this.#dueMs) this.#schedule(delayMs);
  }

  /** @returns milliseconds until the next poll */
  async #pollOnce(): Promise<number> {
    const { source } = this;
    let token: string | undefined;
    try {
      const asked = this.#sink.seen;
      const known = this.#etag === undefined ? undefined : { etag: this.#etag };
      const answer = await source.head(known, this.#abort.signal);
      if (this.#pace.clock.monotonicMs() - this.#keysetsMs >= KEYSETS_EVERY_MS) {
        await this.#sink.takeKeysets(source);
        this.#keysetsMs = this.#pace.clock.monotonicMs();
      }
      if (answer !== "unchanged") {
        token = answer.token;
        if (token !== this.#taken) await this.#sink.takeHead(source, token, asked);
        this.#taken = token;
        this.#etag = answer.etag;
      }
      this.#status = { ...this.#status, state: "ok", lastOkMs: this.#sink.nowMs() };
      return this.#onListed();
    } catch (error) {
      if (this.#abort.signal.aborted) return this.#pace.pollMs;
      const fault = toDimmerError(error);
      this.#note(fault, token);
      if (source.kind === "directory") return this.#pace.pollMs;
      return this.#backoff.next(error instanceof SourceFault ? error.retryAfterMs : undefined);
    }
  }

  /** @returns milliseconds until the next poll */
  #onListed(): number {
    const { version } = this.#sink;
    if (version !== undefined && !this.#abort.signal.aborted) this.#stream.open(version);
    if (this.#stream.isHealthy) return this.#slowMs;
    if (!this.#stream.isExpected) this.#backoff.reset();
    const { waitMs } = this.#stream;
    return waitMs > 0 ? Math.min(waitMs, this.#pace.pollMs) : this.#pace.pollMs;
  }

  #onStreamEnd({ delayMs, isQuiet = false, fault }: StreamEnd): void {
    if (fault !== undefined) this.#note(fault, undefined);
    this.#schedule(isQuiet ? delayMs : Math.min(delayMs, this.#pace.pollMs));
  }

  #note(error: DimmerError, token: string | undefined): void {
    const isRefusal = error.code !== "feed_unreachable" && error.code !== "disk_failed";
    const state = isRefusal ? "refused" : "failing";
    this.#status = { ...this.#status, state, lastError: error.message, lastErrorMs: this.#sink.nowMs() };
    this.#sink.onFault(this.source, error, isRefusal, token);
  }
}
