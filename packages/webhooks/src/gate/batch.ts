interface Waiting<T, R> {
  readonly item: T;
  readonly done: (result: R) => void;
  readonly failed: (error: unknown) => void;
}

/** How much one batch takes. */
export interface BatchLimits<T> {
  readonly maxItems: number;
  /** The bytes of all its items; one that alone has more makes a batch of its own. Default: no limit. */
  readonly maxBytes?: number;
  /** How much an item counts. */
  readonly bytesOf?: (item: T) => number;
}

/**
 * Gathers what comes within one turn of the event loop, and while a batch is under way, into the next batch: a
 * transaction is paid once for many. Order is kept. Where a batch fails, all of it does. It does not bound what waits:
 * who adds does.
 */
export class Batch<T, R> {
  readonly #run: (items: readonly T[]) => Promise<readonly R[]>;
  readonly #limits: Required<BatchLimits<T>>;
  #waiting: Waiting<T, R>[] = [];
  #isRunning = false;

  constructor(run: (items: readonly T[]) => Promise<readonly R[]>, limits: BatchLimits<T>) {
    this.#run = run;
    this.#limits = { maxBytes: Number.POSITIVE_INFINITY, bytesOf: () => 0, ...limits };
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
      const batch = this.#waiting.splice(0, this.#fitting());
      try {
        const results = await this.#run(batch.map(({ item }) => item));
        for (const [index, { done }] of batch.entries()) done(results[index] as R);
      } catch (error) {
        for (const { failed } of batch) failed(error);
      }
    }
    this.#isRunning = false;
  }

  /** How many of those that wait one batch takes: one at least. */
  #fitting(): number {
    const { maxItems, maxBytes, bytesOf } = this.#limits;
    let bytes = 0;
    let fitting = 0;
    for (const { item } of this.#waiting) {
      bytes += bytesOf(item);
      if (fitting === maxItems || (fitting > 0 && bytes > maxBytes)) break;
      fitting++;
    }
    return fitting;
  }
}
