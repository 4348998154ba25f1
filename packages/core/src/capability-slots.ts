import type { Decision } from "./decision.ts";
import type { DecisionTable } from "./decision-table.ts";
import type { Principal } from "./vocabulary.ts";

/**
 * Where each capability stands in a table of decisions, or each feature. Call sites ask about the same few again and
 * again: the last four are remembered, which makes their look-up a comparison of references. Never throws.
 */
export class CapabilitySlots {
  readonly #slots: ReadonlyMap<string, number>;
  // Four pairs of fields, not an array: reading a field costs one load, and nothing is checked on the way.
  #name0: string;
  #slot0: number;
  #name1: string;
  #slot1: number;
  #name2: string;
  #slot2: number;
  #name3: string;
  #slot3: number;
  /** Which of the four is forgotten next. */
  #oldest = 0;

  /** @param names at least one; each has `width` places, in the order given */
  constructor(names: readonly string[], width: number) {
    this.#slots = new Map(names.map((name, i) => [name, i * width]));
    const name = names[0] ?? "";
    const slot = names.length === 0 ? -1 : 0;
    this.#name0 = name;
    this.#name1 = name;
    this.#name2 = name;
    this.#name3 = name;
    this.#slot0 = slot;
    this.#slot1 = slot;
    this.#slot2 = slot;
    this.#slot3 = slot;
  }

  /** The first place of a capability, or -1 for one that the policy does not have. */
  find(name: string): number {
    if (name === this.#name0) return this.#slot0;
    if (name === this.#name1) return this.#slot1;
    if (name === this.#name2) return this.#slot2;
    if (name === this.#name3) return this.#slot3;
    return this.#look(name);
  }

  /**
   * The decision on a capability, from a table that was made under the policy of these slots. `undefined` for what the
   * table does not have (an unknown capability or principal). Never throws, allocates nothing.
   */
  findIn(table: DecisionTable, capability: string, principal: Principal | undefined): Decision | undefined {
    const slot = this.find(capability);
    if (slot === -1) return undefined;
    switch (principal) {
      case undefined:
        return table[slot];
      case "admin":
        return table[slot + 1];
      case "billing":
        return table[slot + 2];
      case "member":
        return table[slot + 3];
      case "service":
        return table[slot + 4];
      default:
        return undefined;
    }
  }

  #look(name: string): number {
    const slot = this.#slots.get(name);
    if (slot === undefined) return -1;
    switch (this.#oldest) {
      case 0:
        this.#name0 = name;
        this.#slot0 = slot;
        break;
      case 1:
        this.#name1 = name;
        this.#slot1 = slot;
        break;
      case 2:
        this.#name2 = name;
        this.#slot2 = slot;
        break;
      default:
        this.#name3 = name;
        this.#slot3 = slot;
    }
    this.#oldest = (this.#oldest + 1) & 3;
    return slot;
  }
}
