import type { Terms } from "@dimmer/core";
import { type Ground, SharedProfile } from "./shared-profile.ts";

/**
 * One shared profile for each distinct text of terms, so that a million tenants on three plans have three. Keys are
 * texts of the wire: nothing is parsed that was parsed before.
 */
export class ProfilePool {
  readonly #byKey = new Map<string, SharedProfile>();
  /** Found without use since the last sweep: new ones of an update under way, and those that lost their last tenant. */
  readonly #idle = new Set<SharedProfile>();

  get size(): number {
    return this.#byKey.size;
  }

  find(key: string): SharedProfile | undefined {
    return this.#byKey.get(key);
  }

  /** Adds a profile under a key that the pool keeps: give a text that does not hold a larger one alive. */
  add(key: string, terms: Terms, ground: Ground): SharedProfile {
    const shared = new SharedProfile({ kind: "terms", terms }, ground, key);
    this.#byKey.set(key, shared);
    this.#idle.add(shared);
    return shared;
  }

  /** One more tenant points to the profile. */
  use(shared: SharedProfile): void {
    shared.uses += 1;
  }

  /** One tenant less points to the profile. */
  leave(shared: SharedProfile): void {
    shared.uses -= 1;
    if (shared.uses === 0 && shared.key !== "") this.#idle.add(shared);
  }

  /** Lets go of what nobody uses. Only between updates: staged profiles are without use as well. */
  sweep(): void {
    for (const shared of this.#idle) {
      if (shared.uses === 0 && this.#byKey.get(shared.key) === shared) this.#byKey.delete(shared.key);
    }
    this.#idle.clear();
  }

  values(): IterableIterator<SharedProfile> {
    return this.#byKey.values();
  }
}
