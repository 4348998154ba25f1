/**
 * Where each capability stands in a table of decisions. A call site asks about the same capability again and again:
 * the last one is remembered, which makes its look-up a comparison of two references. Never throws.
 */
export class CapabilitySlots {
  readonly #slots: ReadonlyMap<string, number>;
  #lastName: string;
  #lastSlot: number;

  /** @param names at least one; each has `width` places, in the order given */
  constructor(names: readonly string[], width: number) {
    this.#slots = new Map(names.map((name, i) => [name, i * width]));
    this.#lastName = names[0] ?? "";
    this.#lastSlot = names.length === 0 ? -1 : 0;
  }

  /** The first place of a capability, or -1 for one that the policy does not have. */
  find(name: string): number {
    if (name === this.#lastName) return this.#lastSlot;
    const slot = this.#slots.get(name);
    if (slot === undefined) return -1;
    this.#lastName = name;
    this.#lastSlot = slot;
    return slot;
  }
}
