import type { ReplicaClock } from "./ports.ts";

/** What the replica works at most before it lets everything else have its turn. */
const SLICE_MS = 4;

/**
 * Cuts long work into slices of at most 4 ms, so that answers are not kept waiting. One slicer serves one stream of
 * work: several would add their slices up, because all that waits for a turn has it in the same one.
 */
export class Slicer {
  readonly #clock: ReplicaClock;
  #startedMs: number;

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
    await this.#clock.turn();
    this.#startedMs = this.#clock.monotonicMs();
  }
}
