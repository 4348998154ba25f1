import type { ReplicaClock, ReplicaTimer } from "@dimmer/feed/follow";

interface Due {
  atMs: number;
  readonly everyMs: number | undefined;
  readonly fn: () => void;
}

/** How often a repeated timer fires at most while time is moved on once: a month has millions of seconds. */
const MAX_FIRINGS = 64;

/**
 * A clock that stands until a test moves it. Timers fire in order while it is moved; over a long while the repeated ones
 * fire less often than they would, as those of a machine that slept.
 */
export class TestClock implements ReplicaClock {
  #wallMs: number;
  #monotonicMs = 0;
  readonly #due = new Set<Due>();

  /** @param nowMs Unix milliseconds */
  constructor(nowMs: number) {
    this.#wallMs = nowMs;
  }

  /** Unix milliseconds by the machine's clock, skewed where a test has skewed it. */
  wallMs(): number {
    return this.#wallMs;
  }

  /** Milliseconds since the clock was made. */
  monotonicMs(): number {
    return this.#monotonicMs;
  }

  /** Calls `fn` every `ms` milliseconds of this clock. */
  every(ms: number, fn: () => void): ReplicaTimer {
    return this.#add({ atMs: this.#monotonicMs + ms, everyMs: ms, fn });
  }

  /** Calls `fn` once after `ms` milliseconds of this clock. */
  after(ms: number, fn: () => void): ReplicaTimer {
    return this.#add({ atMs: this.#monotonicMs + ms, everyMs: undefined, fn });
  }

  /** Lets everything that waits have its turn. */
  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves both clocks on, and lets what waits have its turn at every instant at which something is due. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    for (;;) {
      const next = [...this.#due].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#moveTo(next.atMs);
      if (next.everyMs === undefined) this.#due.delete(next);
      else next.atMs += Math.max(next.everyMs, ms / MAX_FIRINGS);
      next.fn();
      await this.turn();
    }
    this.#moveTo(endMs);
    await this.turn();
  }

  /** Puts the machine's clock forward or back, as somebody who sets it: no time passes. */
  skew(ms: number): void {
    this.#wallMs += ms;
  }

  #moveTo(monotonicMs: number): void {
    const passed = Math.max(0, monotonicMs - this.#monotonicMs);
    this.#monotonicMs += passed;
    this.#wallMs += passed;
  }

  #add(due: Due): ReplicaTimer {
    this.#due.add(due);
    return { stop: () => void this.#due.delete(due) };
  }
}
