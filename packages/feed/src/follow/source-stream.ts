import { DimmerError } from "@dimmer/core";
import type { Version } from "@dimmer/statement";
import type { Backoff } from "./backoff.ts";
import type { FramesTaken } from "./frame-intake.ts";
import type { FeedSource, ReplicaClock, WatchEvent } from "./ports.ts";
import { SourceFault } from "./source-fault.ts";
import { readWatch, SILENCE_MS, type WatchEnd } from "./watch-reader.ts";

/** What a stream is read with, and told to. */
export interface StreamTools {
  readonly source: FeedSource;
  readonly clock: ReplicaClock;
  readonly backoff: Backoff;
  /** Ends everything. */
  readonly signal: AbortSignal;
  readonly take: (events: readonly WatchEvent[], signal: AbortSignal) => Promise<FramesTaken>;
  /** The stream has begun to speak. */
  readonly onHealthy: () => void;
  /** An index waits to be listed; the stream goes on. */
  readonly onListWanted: () => void;
  readonly onEnd: (end: StreamEnd) => void;
}

/** How a stream ended. */
export interface StreamEnd {
  /** Milliseconds until it may be opened again. */
  readonly delayMs: number;
  /** The server asked to be left alone for so long: it is not listed meanwhile either. */
  readonly isQuiet?: boolean;
  readonly fault?: DimmerError;
}

/** What is counted of a source's streams. */
export interface StreamCounts {
  /** Streams opened after the first. */
  readonly reconnects: number;
  /** Deltas put in force. */
  readonly deltas: number;
  /** Streams given up because nothing came for three heartbeats. */
  readonly deadStreams: number;
}

/** A server that has no stream may be replaced by one that does. */
const UNSUPPORTED_MS = 5 * 60_000;
const MIN_AWAY_MS = 50;
const MAX_AWAY_MS = 5 * 60_000;

/** The stream of one source: opened where it is time, read to its end, and opened again. One at a time. */
export class SourceStream {
  readonly #tools: StreamTools;
  #running: Promise<void> | undefined;
  #isHealthy = false;
  #isUnsupported = false;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #openedMs = 0;
  /** Ends in a row that asked to list again, nothing taken in between. */
  #gaps = 0;
  #opened = 0;
  #deltas = 0;
  #deadStreams = 0;

  constructor(tools: StreamTools) {
    this.#tools = tools;
  }

  /** Whether it is open and speaks. */
  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  /** Whether the source has a stream as far as it is known. */
  get isExpected(): boolean {
    return this.#tools.source.watch !== undefined && !this.#isUnsupported;
  }

  get counts(): StreamCounts {
    return { reconnects: Math.max(0, this.#opened - 1), deltas: this.#deltas, deadStreams: this.#deadStreams };
  }

  /** Milliseconds until the stream may be opened; 0 where it may now, or is open. */
  get waitMs(): number {
    return this.#running !== undefined ? 0 : Math.max(0, this.#notBeforeMs - this.#tools.clock.monotonicMs());
  }

  /** Opens the stream where there is one, none is open and it is time. */
  open(from: Version): void {
    if (this.#tools.source.watch === undefined || this.#running !== undefined || this.waitMs > 0) return;
    const running = this.#run(from).finally(() => {
      // Its end is told before: another may be open by now.
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
  }

  /** Resolves when no stream is open any more; the signal must be aborted. */
  async settle(): Promise<void> {
    await this.#running;
  }

  async #run(from: Version): Promise<void> {
    const { source, clock, signal, backoff, onListWanted } = this.#tools;
    this.#opened += 1;
    this.#openedMs = clock.monotonicMs();
    const away = new AbortController();
    let end: StreamEnd;
    try {
      const ended = await readWatch(source, {
        from,
        tenants: true,
        clock,
        signal,
        onAlive: () => this.#onAlive(),
        take: async (events) => {
          const { deltas, list } = await this.#tools.take(events, AbortSignal.any([signal, away.signal]));
          this.#deltas += deltas;
          if (list === "now") return "stop";
          this.#gaps = 0;
          backoff.ease();
          if (list === "soon") onListWanted();
          return "go on";
        },
      });
      end = this.#judge(ended);
    } catch (error) {
      end = this.#fail(error);
    }
    away.abort();
    this.#isHealthy = false;
    if (signal.aborted) return;
    this.#notBeforeMs = clock.monotonicMs() + end.delayMs;
    this.#running = undefined;
    this.#tools.onEnd(end);
  }

  #onAlive(): void {
    // One that breaks off as soon as it has begun does not count as an answer for good.
    if (this.#tools.clock.monotonicMs() - this.#openedMs >= SILENCE_MS) this.#tools.backoff.reset();
    if (this.#isHealthy) return;
    this.#isHealthy = true;
    this.#isUnsupported = false;
    this.#tools.onHealthy();
  }

  #judge(end: WatchEnd): StreamEnd {
    const { backoff, source } = this.#tools;
    switch (end.reason) {
      case "goaway":
        return { delayMs: Math.min(Math.max(end.afterMs, MIN_AWAY_MS), MAX_AWAY_MS), isQuiet: true };
      case "stopped":
        return { delayMs: this.#listAgain() };
      case "closed":
        return { delayMs: backoff.next() };
      case "silent":
        this.#deadStreams += 1;
        return { delayMs: backoff.next(), fault: new SourceFault(`${source.name}: the stream is silent`) };
    }
  }

  #fail(error: unknown): StreamEnd {
    const { backoff } = this.#tools;
    if (!(error instanceof SourceFault)) return { delayMs: backoff.next(), fault: toDimmerError(error) };
    if (error.isGone) return { delayMs: Math.max(this.#listAgain(), error.retryAfterMs ?? 0) };
    this.#isUnsupported = error.isUnsupported;
    if (error.isUnsupported) return { delayMs: UNSUPPORTED_MS };
    const isQuiet = (error.retryAfterMs ?? 0) > 0;
    return { delayMs: backoff.next(error.retryAfterMs), isQuiet, fault: error };
  }

  /** The first time at once; a list that does not help is not repeated as fast as it fails. */
  #listAgain(): number {
    this.#gaps += 1;
    return this.#gaps === 1 ? 0 : this.#tools.backoff.next();
  }
}

/** Any error as one that callers may switch on. */
export function toDimmerError(error: unknown): DimmerError {
  if (error instanceof DimmerError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new DimmerError("feed_refused", `unexpected: ${message}`, { cause: error });
}
