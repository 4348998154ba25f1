/** A value, or one to come. */
export type MaybePromise<T> = T | PromiseLike<T>;

/** Tells a value that is to come from one that is there. Never throws. */
export function isPromise<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === "function";
}

/** Goes on with a value: at once where it is there, later where it is to come. Throws what `step` throws. */
export function whenKnown<T, U>(value: MaybePromise<T>, step: (known: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? value.then(step) : step(value);
}
