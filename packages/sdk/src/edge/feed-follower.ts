import { Backoff } from "@dimmer/feed/lean";
import { sha256 } from "@dimmer/statement/lean";
import type { StreamEvent } from "./event-stream.ts";
import type { FeedKeeper, Refreshed } from "./feed-keeper.ts";
import type { EdgeSource } from "./fetch-source.ts";
import { isWithin } from "./is-within.ts";
import type { EdgeFollow } from "./options.ts";

/** What a follower rests on. */
export interface FeedFollowerOptions {
  readonly keeper: FeedKeeper;
  readonly source: EdgeSource;
  readonly follow: EdgeFollow;
  readonly pollMs: number;
  /** Milliseconds that somebody who asks waits for a look. */
  readonly patienceMs: number;
  readonly monotonicMs: () => number;
}

/** Beside a healthy stream it is polled at this pace at most. */
const SLOW_POLL_MS = 60_000;
/** A source that had no stream is asked for one again after this. */
const NO_STREAM_MS = 600_000;
const encoder = new TextEncoder();

/**
 * Keeps a keeper up to date: by a stream and a slow poll beside it, by polling, or when somebody asks. None of its timers
 * keeps a process alive.
 */
export class FeedFollower {
  readonly #options: FeedFollowerOptions;
  readonly #backoff = new Backoff(Math.random);
  readonly #streamBackoff = new Backoff(Math.random);
  /** Made with the first stream: in a Worker such a thing belongs to the request that made it. */
  #streaming: AbortController | undefined;
  #isClosed = false;
  #timers = new Set<ReturnType<typeof setTimeout>>();
  #isStreaming = false;
  /** Takes the next poll back. */
  #nextPoll: (() => void) | undefined;
  /** Monotonic milliseconds from which whoever asks next has the feed looked at. */
  #dueMs = Number.NEGATIVE_INFINITY;

  constructor(options: FeedFollowerOptions) {
    this.#options = options;
  }

  /** Whether a stream is open and was heard of. */
  get isStreaming(): boolean {
    return this.#isStreaming;
  }

  /** Begins: the first look is under way when it returns. */
  start(): void {
    const { follow } = this.#options;
    if (follow === "on-use") void this.whenDue();
    else void this.#poll();
    if (follow === "stream") void this.#stream();
  }

  /**
   * In `on-use`: looks at the feed where that is due, and is over when it did, or when it was waited for long enough. Who
   * comes while nothing is held waits for the look that is under way. Never rejects.
   */
  async whenDue(): Promise<void> {
    const { keeper, follow, pollMs, patienceMs, monotonicMs } = this.#options;
    if (follow !== "on-use" || this.#isClosed) return;
    const { looking } = keeper;
    if (monotonicMs() < this.#dueMs) {
      if (keeper.held === undefined && looking !== undefined) await isWithin(looking, patienceMs);
      return;
    }
    this.#dueMs = monotonicMs() + pollMs;
    const look = keeper.refresh().then((refreshed) => {
      if (refreshed.isGood) this.#backoff.reset();
      else this.#dueMs = monotonicMs() + this.#delayAfter(refreshed);
    });
    await isWithin(look, patienceMs);
  }

  close(): void {
    this.#isClosed = true;
    this.#streaming?.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #poll(): Promise<void> {
    this.#nextPoll?.();
    const refreshed = await this.#options.keeper.refresh();
    if (refreshed.isGood) this.#backoff.reset();
    this.#nextPoll?.();
    this.#nextPoll = this.#after(this.#delayAfter(refreshed), () => void this.#poll());
  }

  #delayAfter(refreshed: Refreshed): number {
    const { pollMs } = this.#options;
    if (!refreshed.isGood) return this.#backoff.next(refreshed.retryAfterMs);
    return this.#isStreaming ? Math.max(pollMs, SLOW_POLL_MS) : pollMs;
  }

  async #stream(): Promise<void> {
    const { keeper } = this.#options;
    await keeper.ready().catch(() => undefined);
    if (keeper.held === undefined || this.#isClosed) return;
    const delayMs = await this.#watch(keeper.held.version).catch((error: unknown) => this.#delayAfterFault(error));
    this.#isStreaming = false;
    // While there is no stream, changes are polled for at their own pace, from now on.
    if (!this.#isClosed) void this.#poll();
    this.#after(delayMs, () => void this.#stream());
  }

  #delayAfterFault(error: unknown): number {
    const { isUnsupported = false, retryAfterMs } = error as { isUnsupported?: boolean; retryAfterMs?: number };
    return isUnsupported ? NO_STREAM_MS : this.#streamBackoff.next(retryAfterMs);
  }

  /** @returns milliseconds after which to open the next stream */
  async #watch(from: { readonly epoch: number; readonly seq: number }): Promise<number> {
    const { keeper, source } = this.#options;
    const parts = new Map<"locks" | "policy", readonly [digest: string, token: string]>();
    this.#streaming = new AbortController();
    for await (const event of source.watch(from, this.#streaming.signal)) {
      this.#isStreaming = true;
      this.#streamBackoff.reset();
      if (event.event === "goaway") return event.afterMs;
      if (event.event === "head") void keeper.refresh({ head: event.data, parts: new Map(parts.values()) });
      else parts.set(event.event, await named(event));
    }
    return this.#streamBackoff.next();
  }

  /** @returns takes it back */
  #after(ms: number, then: () => void): () => void {
    if (this.#isClosed) return () => {};
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
    // In Node and its like; elsewhere a timer is a number and keeps nothing alive.
    if (typeof timer === "object") timer.unref();
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }
}

async function named({ data }: Extract<StreamEvent, { readonly data: string }>): Promise<readonly [string, string]> {
  return [await sha256(encoder.encode(data)), data];
}
