/** What changed since it was last told. */
export interface ToldChange {
  /** How many tenants are concerned; `Infinity` for all. */
  readonly tenants: number;
  /** The tenant, where it is one. */
  readonly tenant: string | undefined;
}

/** Gathers changes and tells them once a turn: a new version that concerns ten thousand tenants is one event. */
export class ChangeTeller {
  readonly #tell: (change: ToldChange) => void;
  readonly #tenants = new Set<string>();
  #isAll = false;
  #isDue = false;

  constructor(tell: (change: ToldChange) => void) {
    this.#tell = tell;
  }

  /** Notes what changed, to be told in a later task. Never throws. */
  note(tenants: readonly string[] | "all"): void {
    if (tenants === "all") this.#isAll = true;
    else for (const tenant of tenants) this.#tenants.add(tenant);
    if (this.#isDue || (!this.#isAll && this.#tenants.size === 0)) return;
    this.#isDue = true;
    setImmediate(() => this.#flush()).unref();
  }

  #flush(): void {
    const count = this.#isAll ? Number.POSITIVE_INFINITY : this.#tenants.size;
    const [first] = this.#tenants;
    this.#tenants.clear();
    this.#isAll = false;
    this.#isDue = false;
    this.#tell({ tenants: count, tenant: count === 1 ? first : undefined });
  }
}
