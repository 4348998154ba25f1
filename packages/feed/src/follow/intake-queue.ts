import type { ReplicaClock } from "./ports.ts";

/** While others wait, one intake may take this long to read: a source that drips must not hold up one that does not. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 5_000;

/** Lets one intake run at a time, in the order of arrival. One that takes long is aborted once another waits. */
export class IntakeQueue {
  readonly #clock: ReplicaClock;
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(clock: ReplicaClock) {
    this.#clock = clock;
  }

  /** Runs a task when its turn has come. Rejects as the task does. */
  async run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const turn = this.#tail.then(() => this.#run(task));
    this.#tail = turn.catch(() => undefined);
    return await turn;
  }

  /** Resolves when nothing runs or waits. */
  async settle(): Promise<void> {
    await this.#tail;
  }

  async #run<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#waiting -= 1;
    const abort = new AbortController();
    const startedMs = this.#clock.monotonicMs();
    const timer = this.#clock.every(LOOK_MS, () => {
      const tookMs = this.#clock.monotonicMs() - startedMs;
      if (this.#waiting > 0 && tookMs >= PATIENCE_MS) abort.abort(new Error(`others wait, and this took ${tookMs} ms`));
    });
    try {
      return await task(abort.signal);
    } finally {
      timer.stop();
    }
  }
}
