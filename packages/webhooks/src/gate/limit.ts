interface Waiting {
  readonly tenant: string;
  readonly go: () => void;
}

/** How many attempts run at once: in all, and of one tenant. Who waits is served in turn, tenant by tenant's room. */
export class Limit {
  readonly #max: number;
  readonly #maxPerTenant: number;
  readonly #running = new Map<string, number>();
  #total = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(max: number, maxPerTenant: number) {
    this.#max = max;
    this.#maxPerTenant = maxPerTenant;
  }

  /**
   * Resolves when there is room. Every `enter` that resolved needs its `leave`.
   *
   * @param signal ends the wait: it rejects with its reason, and nothing was entered
   */
  async enter(tenant: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#hasRoom(tenant)) return this.#take(tenant);
    await new Promise<void>((done, fail) => {
      const waiting: Waiting = {
        tenant,
        go: () => {
          signal?.removeEventListener("abort", giveUp);
          done();
        },
      };
      const giveUp = (): void => {
        this.#waiting.delete(waiting);
        fail(signal?.reason as Error);
      };
      signal?.addEventListener("abort", giveUp, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** Gives the room to who waits first and has room in its tenant. Never throws. */
  leave(tenant: string): void {
    this.#total--;
    const left = (this.#running.get(tenant) ?? 1) - 1;
    if (left === 0) this.#running.delete(tenant);
    else this.#running.set(tenant, left);
    if (this.#total >= this.#max) return;
    for (const waiting of this.#waiting) {
      if (!this.#hasRoom(waiting.tenant)) continue;
      this.#waiting.delete(waiting);
      this.#take(waiting.tenant);
      waiting.go();
      return;
    }
  }

  #hasRoom(tenant: string): boolean {
    return this.#total < this.#max && (this.#running.get(tenant) ?? 0) < this.#maxPerTenant;
  }

  #take(tenant: string): void {
    this.#total++;
    this.#running.set(tenant, (this.#running.get(tenant) ?? 0) + 1);
  }
}
