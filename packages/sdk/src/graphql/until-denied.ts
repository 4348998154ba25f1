/**
 * An iterator that ends early: once `onEnd` has called back with a last value, that is yielded and nothing after it, and
 * the source is let go. Without that it is the source. It holds at most one value back, and none where nobody asks.
 *
 * @param onEnd listens for the end; returns what stops listening, which is called when the iteration is over in any way
 * @param lastBefore asked before each value is handed on, where nobody tells of the end: what it gives is the last value
 */
export function untilDenied<T>(
  source: AsyncIterable<T>,
  onEnd: (end: (last: T) => void) => () => void,
  lastBefore?: () => Promise<T | undefined>,
): AsyncGenerator<T, void, void> {
  const iterator = source[Symbol.asyncIterator]();
  let state: { readonly last: T } | "open" | "over" = "open";
  let wake: (() => void) | undefined;
  const stop = onEnd((last) => {
    if (state !== "open") return;
    state = { last };
    wake?.();
  });
  const finish = (): IteratorReturnResult<void> => {
    if (state !== "over") stop();
    state = "over";
    return { done: true, value: undefined };
  };
  const letGo = (): Promise<unknown> => Promise.resolve(iterator.return?.()).catch(() => undefined);
  const settle = async (): Promise<IteratorResult<T, void>> => {
    if (state === "over" || state === "open") return finish();
    const { last } = state;
    finish();
    // Not awaited: a source that waits for its next value may return only after that.
    void letGo();
    return { done: false, value: last };
  };
  return {
    async next() {
      if (state !== "open") return await settle();
      const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T, void> | "denied">();
      wake = () => resolve("denied");
      iterator.next().then(resolve, reject);
      let taken: IteratorResult<T, void> | "denied";
      try {
        taken = await promise;
      } catch (error) {
        finish();
        throw error;
      }
      if (taken === "denied") return await settle();
      if (taken.done === true) return finish();
      const last = await lastBefore?.();
      if (last !== undefined && state === "open") state = { last };
      return state === "open" ? taken : await settle();
    },
    async return() {
      const over = finish();
      await letGo();
      return over;
    },
    async throw(error) {
      finish();
      await letGo();
      throw error;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return();
    },
  };
}
