import type { ReplicaClock } from "./ports.ts";

/** What the replica works at most before it lets everything else have its turn. */
const SLICE_MS = 4;

/**
 * Cuts long work into slices of at most 4 ms, so that answers are not kept waiting. One slicer serves all of a replica's
 * work: whatever pauses waits for a turn of its own, or the slices of two streams would add up in the same one.
 */
export class Slicer {
  readonly #clock: ReplicaClock;
  #startedMs: number;
  #turns: Promise<void> = Promise.resolve();

  constructor(clock: ReplicaClock) {
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
  }

  /** Whether the slice is used up. Reads the clock, about 0.1 µs: ask every few dozen items. */
  isDue(): boolean {
    return this.#clock.monotonicMs() - this.#startedMs >= SLICE_MS;
  }

  /** Lets everything else have its turn, and begins a new slice. */
  async pause(): Promise<void> {
    this.#turns = this.#turns.then(() => this.#clock.turn());
    await this.#turns;
    this.#startedMs = this.#clock.monotonicMs();
  }
}
