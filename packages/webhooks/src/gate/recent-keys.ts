/** The keys added last, up to a number: older ones are forgotten. */
export class RecentKeys {
  readonly #max: number;
  #young = new Set<string>();
  #old = new Set<string>();

  /** @param max at least half of it is remembered, and at most all of it */
  constructor(max: number) {
    this.#max = max / 2;
  }

  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  add(key: string): void {
    this.#young.add(key);
    if (this.#young.size < this.#max) return;
    this.#old = this.#young;
    this.#young = new Set();
  }

  delete(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }
}
