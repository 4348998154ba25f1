import type { DimmerEvents } from "./events.ts";

/** The listeners of one Dimmer, by event. A listener may come and go while an event is told. */
export class Listeners {
  readonly #byEvent = new Map<keyof DimmerEvents, Set<(detail: never) => void>>();
  readonly #onThrow: (error: unknown, event: string) => void;

  /** @param onThrow is told what a listener threw, and must not throw itself */
  constructor(onThrow: (error: unknown, event: string) => void) {
    this.#onThrow = onThrow;
  }

  /** Adds a listener; adding the same one twice adds it twice. Returns what takes it off again. Never throws. */
  add<E extends keyof DimmerEvents>(event: E, listener: (detail: DimmerEvents[E]) => void): () => void {
    const own = (detail: DimmerEvents[E]): void => listener(detail);
    const listeners = this.#byEvent.get(event) ?? new Set();
    this.#byEvent.set(event, listeners);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /** Tells every listener in the order of their coming; what one throws reaches neither the next nor the caller. */
  tell<E extends keyof DimmerEvents>(event: E, detail: DimmerEvents[E]): void {
    for (const listener of this.#byEvent.get(event) ?? []) {
      try {
        (listener as (detail: DimmerEvents[E]) => void)(detail);
      } catch (error) {
        this.#onThrow(error, event);
      }
    }
  }
}
