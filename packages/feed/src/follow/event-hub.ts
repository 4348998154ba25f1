import type { ReplicaEvent } from "./events.ts";
import type { ReplicaLog } from "./ports.ts";

/** Tells subscribers, in the order of subscription. One that throws is logged and kept. */
export class EventHub {
  readonly #listeners = new Set<(event: ReplicaEvent) => void>();
  readonly #log: ReplicaLog;

  constructor(log: ReplicaLog) {
    this.#log = log;
  }

  /** @returns what ends the subscription */
  subscribe(listener: (event: ReplicaEvent) => void): () => void {
    // A function subscribed twice is told twice, and each subscription ends by itself.
    const own = (event: ReplicaEvent): void => listener(event);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  emit(event: ReplicaEvent): void {
    const listeners = [...this.#listeners];
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#log.error({ event: event.type, err: error }, "a subscriber of the replica threw");
      }
    }
  }
}
