import type { ReplicaClock, ReplicaTimer } from "@dimmer/feed/follow";

interface Due {
  atMs: number;
  readonly everyMs: number | undefined;
  readonly fn: () => void;
}

/** A clock that stands until a test moves it. Timers fire in order, at their instants, while it is moved. */
export class ManualClock implements ReplicaClock {
  #nowMs: number;
  readonly #startMs: number;
  readonly #due = new Set<Due>();

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
    this.#startMs = nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs - this.#startMs;
  }

  every(ms: number, fn: () => void): ReplicaTimer {
    return this.#add({ atMs: this.#nowMs + ms, everyMs: ms, fn });
  }

  after(ms: number, fn: () => void): ReplicaTimer {
    return this.#add({ atMs: this.#nowMs + ms, everyMs: undefined, fn });
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Moves on, and lets what waits have its turn at every instant at which something is due. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = [...this.#due].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      if (next.everyMs === undefined) this.#due.delete(next);
      else next.atMs += next.everyMs;
      next.fn();
      await this.turn();
    }
    this.#nowMs = endMs;
    await this.turn();
  }

  #add(due: Due): ReplicaTimer {
    this.#due.add(due);
    return { stop: () => void this.#due.delete(due) };
  }
}
