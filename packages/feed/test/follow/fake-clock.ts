import { setImmediate } from "node:timers/promises";
import type { ReplicaClock } from "@dimmer/feed/follow";

interface Timer {
  dueMs: number;
  readonly everyMs: number | undefined;
  readonly fn: () => void;
}

/** A clock that moves when told to. Timers run while it moves, in their order. */
export class FakeClock implements ReplicaClock {
  wall: number;
  monotonic = 1_000;
  /** Added to the monotonic clock each time it is read: for code that watches how long it takes. */
  perReadMs = 0;
  turns = 0;
  readonly #timers = new Set<Timer>();

  constructor(wallMs: number) {
    this.wall = wallMs;
  }

  get timers(): number {
    return this.#timers.size;
  }

  wallMs(): number {
    return this.wall;
  }

  monotonicMs(): number {
    this.monotonic += this.perReadMs;
    return this.monotonic;
  }

  every(ms: number, fn: () => void): { stop(): void } {
    return this.#add({ dueMs: this.monotonic + ms, everyMs: ms, fn });
  }

  after(ms: number, fn: () => void): { stop(): void } {
    return this.#add({ dueMs: this.monotonic + ms, everyMs: undefined, fn });
  }

  async turn(): Promise<void> {
    this.turns += 1;
    await setImmediate();
  }

  /** Lets time pass: both clocks move and what is due runs. What repeats runs once, at the end of a way of any length. */
  pass(ms: number): void {
    const untilMs = this.monotonic + ms;
    this.wall += ms;
    for (;;) {
      const next = this.#due(untilMs).find(({ everyMs }) => everyMs === undefined);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.monotonic = Math.max(this.monotonic, next.dueMs);
      next.fn();
    }
    this.monotonic = untilMs;
    for (const timer of this.#due(untilMs)) {
      timer.dueMs = untilMs + (timer.everyMs ?? 0);
      timer.fn();
    }
  }

  #due(untilMs: number): Timer[] {
    return [...this.#timers].filter(({ dueMs }) => dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs);
  }

  #add(timer: Timer): { stop(): void } {
    this.#timers.add(timer);
    return {
      stop: () => {
        this.#timers.delete(timer);
      },
    };
  }
}
