import type { Terms } from "@dimmer/core";
import { type ChunkScanner, hashOf } from "./chunk-scanner.ts";
import { SharedProfile } from "./shared-profile.ts";

/**
 * One shared profile for each distinct terms, so that a million tenants on three plans have three. What a line says after
 * its id is compared with texts seen before, and only parsed where it is new.
 */
export class ProfilePool {
  readonly #byHash = new Map<number, SharedProfile | SharedProfile[]>();
  /** Found without use since the last sweep: new ones of an update under way, and those that lost their last tenant. */
  readonly #idle = new Set<SharedProfile>();
  #size = 0;
  #holds = 0;

  /** Distinct terms held. */
  get size(): number {
    return this.#size;
  }

  /** Finds the profile of what a line says after its id, where it names no case. Allocates nothing. */
  findRest(scanner: ChunkScanner): SharedProfile | undefined {
    const found = this.#byHash.get(scanner.restHash);
    if (found === undefined || !scanner.isRestAscii) return undefined;
    if (!Array.isArray(found)) return scanner.isRest(found.text) ? found : undefined;
    return found.find(({ text }) => scanner.isRest(text));
  }

  /**
   * The profile of terms, made where there is none yet.
   *
   * @param rest what the line says after its id, where it names no case: a text that holds no larger one alive
   * @param restHash its hash, as a scanner has it
   */
  of(terms: Terms, rest: { readonly text: string; readonly hash: number } | undefined): SharedProfile {
    const json = JSON.stringify(terms);
    const pooled = rest ?? { text: "", hash: hashOf(json) };
    const others = this.#at(pooled.hash);
    const isSame = (other: SharedProfile): boolean =>
      other.text === pooled.text && (pooled.text !== "" || JSON.stringify(other.terms) === json);
    const known = others.find(isSame);
    if (known !== undefined) return known;
    const shared = new SharedProfile({ kind: "terms", terms }, pooled);
    this.#byHash.set(pooled.hash, others.length === 0 ? shared : [...others, shared]);
    this.#idle.add(shared);
    this.#size += 1;
    return shared;
  }

  /** One more tenant points to the profile. */
  use(shared: SharedProfile): void {
    shared.uses += 1;
  }

  /** One tenant less points to the profile. */
  leave(shared: SharedProfile): void {
    shared.uses -= 1;
    if (shared.uses === 0 && shared.hash !== undefined) this.#idle.add(shared);
  }

  /** An update begins to stage profiles, which are without use until it is applied: nothing is swept before `release`. */
  hold(): void {
    this.#holds += 1;
  }

  /** The update is applied, or given up. */
  release(): void {
    this.#holds -= 1;
    this.sweep();
  }

  /** Lets go of what nobody uses, unless an update is under way that may. */
  sweep(): void {
    if (this.#holds > 0) return;
    for (const shared of this.#idle) if (shared.uses === 0) this.#remove(shared);
    this.#idle.clear();
  }

  /** All profiles held. */
  *values(): IterableIterator<SharedProfile> {
    for (const found of this.#byHash.values()) {
      if (Array.isArray(found)) yield* found;
      else yield found;
    }
  }

  #at(hash: number): SharedProfile[] {
    const found = this.#byHash.get(hash);
    if (found === undefined) return [];
    return Array.isArray(found) ? found : [found];
  }

  #remove(shared: SharedProfile): void {
    const hash = shared.hash as number;
    const before = this.#at(hash);
    const others = before.filter((other) => other !== shared);
    if (others.length === 0) this.#byHash.delete(hash);
    else this.#byHash.set(hash, others.length === 1 ? (others[0] as SharedProfile) : others);
    this.#size -= before.length - others.length;
  }
}
