import type { GenerationStore, GenerationToSave, PartKind, StoredGeneration } from "@dimmer/feed/follow";

/** A store in memory, which outlives the replicas of a test and is full when told to be. */
export class MemoryStore implements GenerationStore {
  readonly name = "memory store";
  generations: GenerationToSave[] = [];
  readonly parts = new Map<string, Uint8Array>();
  readonly quarantined: string[] = [];
  /** What keeping anything rejects with: a full disk can still be read. */
  fault: Error | undefined;

  /** The store as a crash at this moment leaves it. */
  copy(): MemoryStore {
    const copy = new MemoryStore();
    copy.generations = [...this.generations];
    for (const [name, bytes] of this.parts) copy.parts.set(name, bytes);
    copy.fault = this.fault;
    return copy;
  }

  async load(): Promise<readonly StoredGeneration[]> {
    return this.generations;
  }

  async read(kind: PartKind, digest: string): Promise<Uint8Array | undefined> {
    return this.parts.get(`${kind}/${digest}`)?.slice();
  }

  async put(kind: PartKind, digest: string, bytes: Uint8Array): Promise<void> {
    this.#check();
    this.parts.set(`${kind}/${digest}`, bytes.slice());
  }

  async save(generation: GenerationToSave): Promise<void> {
    this.#check();
    const older = this.generations.find(({ version }) => version.seq < generation.version.seq);
    this.generations = older === undefined ? [generation] : [generation, older];
  }

  async quarantine(
    what: { readonly kind: PartKind; readonly digest: string } | { readonly head: string },
  ): Promise<string> {
    const name = "digest" in what ? `${what.kind}/${what.digest}` : what.head;
    this.quarantined.push(name);
    this.parts.delete(name);
    return name;
  }

  #check(): void {
    if (this.fault !== undefined) throw this.fault;
  }
}
