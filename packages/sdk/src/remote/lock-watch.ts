import { DimmerError } from "@dimmer/core";
import type { HeadSeen, Held, HeldOptions } from "../held/read-held.ts";
import type { Transport } from "./transport.ts";

/** Whom a watch tells. None of them may throw. */
export interface LockWatchListener {
  /** Something newer is held: `isFirst` where nothing was before. */
  readonly onHeld: (held: Held, isFirst: boolean) => void;
  /** After every poll, whatever came of it. */
  readonly onPolled: () => Promise<void>;
  readonly onRefused: (error: DimmerError) => void;
}

/** Whom to believe, where to read, and how often. */
interface LockWatchOptions extends Omit<HeldOptions, "reader"> {
  readonly transport: Transport;
  readonly pollMs: number;
}

/** What time it was, in Unix milliseconds, at an instant of the process's own clock. */
interface HeadClock {
  readonly nowMs: number;
  readonly atMs: number;
}

/** A head that stays fresh for longer was signed to be carried about, and does not tell the time. */
const LIVE_HEAD_MS = 10 * 60_000;

/**
 * Keeps the lock list and the policy up to date by polling. What is held is replaced as a whole, never changed, and
 * never given up (D3). It polls at the same pace whether or not it succeeds: a sidecar is on the same machine.
 */
export class LockWatch {
  readonly #options: LockWatchOptions;
  readonly #listener: LockWatchListener;
  readonly #firstHeld = Promise.withResolvers<void>();
  #held: Held | undefined;
  #seen: HeadSeen | undefined;
  #clock: HeadClock | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #lastError: DimmerError | undefined;
  #refusals = 0;

  constructor(options: LockWatchOptions, listener: LockWatchListener) {
    this.#options = options;
    this.#listener = listener;
    // Nobody need wait for it.
    this.#firstHeld.promise.catch(() => {});
    void this.#poll();
  }

  get held(): Held | undefined {
    return this.#held;
  }

  get refusals(): number {
    return this.#refusals;
  }

  get lastError(): string | undefined {
    return this.#lastError?.message;
  }

  /** Now: that of the newest live head and the time since; without one, the machine's clock. Unix milliseconds. */
  get nowMs(): number {
    return this.#clock === undefined ? Date.now() : this.#clock.nowMs + performance.now() - this.#clock.atMs;
  }

  /** Stale when either clock has passed the newest head's promise. */
  get freshness(): "fresh" | "stale" {
    const freshUntilMs = this.#held?.freshUntilMs ?? 0;
    return Math.max(this.nowMs, Date.now()) < freshUntilMs ? "fresh" : "stale";
  }

  /** Resolves when something is held. @throws {DimmerError} `feed_unreachable` after `close` */
  ready(): Promise<void> {
    return this.#firstHeld.promise;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#firstHeld.reject(new DimmerError("feed_unreachable", "connectRemote: closed before a lock list was held"));
  }

  async #poll(): Promise<void> {
    try {
      // What verifies is as large as the rest: a bundle may load it beside.
      const { readerOf, readHeld } = await import("./held.ts");
      const reader = readerOf(this.#options.transport);
      const { held, seen } = await readHeld(this.#held, { ...this.#options, reader }, this.#seen);
      if (!this.#isClosed) this.#take(held, seen);
    } catch (error) {
      this.#fail(
        error instanceof DimmerError ? error : new DimmerError("feed_refused", String(error), { cause: error }),
      );
    }
    if (this.#isClosed) return;
    await this.#listener.onPolled();
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.#poll(), this.#options.pollMs);
    this.#timer.unref();
  }

  #take(held: Held | undefined, seen: HeadSeen | undefined): void {
    this.#seen = seen;
    if (held === undefined || held === this.#held) return;
    const isFirst = this.#held === undefined;
    this.#held = held;
    this.#clock = { nowMs: instantOf(held), atMs: performance.now() };
    this.#listener.onHeld(held, isFirst);
    this.#firstHeld.resolve();
  }

  #fail(error: DimmerError): void {
    if (this.#isClosed) return;
    const isTold = this.#lastError?.message === error.message;
    this.#lastError = error;
    if (error.code === "feed_unreachable") return;
    this.#refusals += 1;
    // The same refusal in a row is told once.
    if (!isTold) this.#listener.onRefused(error);
  }
}

function instantOf({ issuedMs, freshUntilMs }: Held): number {
  return freshUntilMs - issuedMs <= LIVE_HEAD_MS ? issuedMs : Math.max(Date.now(), issuedMs);
}
