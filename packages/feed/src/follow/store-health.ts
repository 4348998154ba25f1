import { DimmerError } from "@dimmer/core";
import type { GenerationStore, ReplicaLog } from "./ports.ts";
import type { StoreStatus } from "./status.ts";

/** How the store fares, as far as those who use it have met it. Never throws. */
export class StoreHealth {
  readonly #store: GenerationStore | undefined;
  readonly #log: ReplicaLog;
  #status: StoreStatus | undefined;

  constructor(store: GenerationStore | undefined, log: ReplicaLog) {
    this.#store = store;
    this.#log = log;
    this.#status = store === undefined ? undefined : { name: store.name, state: "waiting" };
  }

  /** `undefined` where there is no store. */
  get status(): StoreStatus | undefined {
    return this.#status;
  }

  get isFailing(): boolean {
    return this.#status?.state === "failing";
  }

  /** The store kept what it was given. */
  noteSuccess(): void {
    if (this.#status !== undefined) this.#status = { ...this.#status, state: "ok" };
  }

  /** The store could not do something. The same failure in a row is logged once. */
  noteFailure(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const isNew = this.#status?.state !== "failing" || this.#status.lastError !== message;
    this.#status = { name: this.#store?.name ?? "", state: "failing", lastError: message };
    if (!isNew) return;
    const code = error instanceof DimmerError ? error.code : "disk_failed";
    this.#log.error({ store: this.#store?.name, code }, `generations are not kept: ${message}`);
  }
}
