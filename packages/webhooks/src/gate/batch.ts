interface Waiting<T, R> {
  readonly item: T;
  readonly done: (result: R) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Gathers what comes within one turn of the event loop, and while a batch is under way, into the next batch: a
 * transaction is paid once for many. Order is kept. Where a batch fails, all of it does.
 */
export class Batch<T, R> {
  readonly #run: (items: readonly T[]) => Promise<readonly R[]>;
  readonly #maxItems: number;
  #waiting: Waiting<T, R>[] = [];
  #isRunning = false;

  constructor(run: (items: readonly T[]) => Promise<readonly R[]>, maxItems: number) {
    this.#run = run;
    this.#maxItems = maxItems;
  }

  /** Resolves with the item's own result; rejects where its batch does. */
  add(item: T): Promise<R> {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    this.#waiting.push({ item, done: resolve, failed: reject });
    if (!this.#isRunning) {
      this.#isRunning = true;
      setImmediate(() => void this.#drain());
    }
    return promise;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, this.#maxItems);
      try {
        const results = await this.#run(batch.map(({ item }) => item));
        for (const [index, { done }] of batch.entries()) done(results[index] as R);
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#isRunning = false;
  }
}
