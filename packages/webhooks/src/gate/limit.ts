/** How many attempts run at once: in all, and of one tenant. Who waits is served in turn, tenant by tenant's room. */
export class Limit {
  readonly #max: number;
  readonly #maxPerTenant: number;
  readonly #running = new Map<string, number>();
  #total = 0;
  #waiting: { readonly tenant: string; readonly go: () => void }[] = [];

  constructor(max: number, maxPerTenant: number) {
    this.#max = max;
    this.#maxPerTenant = maxPerTenant;
  }

  /** Resolves when there is room. Every `enter` needs its `leave`. */
  async enter(tenant: string): Promise<void> {
    if (this.#hasRoom(tenant)) this.#take(tenant);
    else await new Promise<void>((go) => this.#waiting.push({ tenant, go }));
  }

  /** Gives the room to who waits first and has room in its tenant. Never throws. */
  leave(tenant: string): void {
    this.#total--;
    const left = (this.#running.get(tenant) ?? 1) - 1;
    if (left === 0) this.#running.delete(tenant);
    else this.#running.set(tenant, left);
    const next = this.#waiting.findIndex((waiting) => this.#hasRoom(waiting.tenant));
    if (next === -1) return;
    const [served] = this.#waiting.splice(next, 1);
    if (served === undefined) return;
    this.#take(served.tenant);
    served.go();
  }

  #hasRoom(tenant: string): boolean {
    return this.#total < this.#max && (this.#running.get(tenant) ?? 0) < this.#maxPerTenant;
  }

  #take(tenant: string): void {
    this.#total++;
    this.#running.set(tenant, (this.#running.get(tenant) ?? 0) + 1);
  }
}
