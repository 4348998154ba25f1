import type { GenerationStore, GenerationToSave, PartKind, StoredGeneration } from "@dimmer/feed/follow";

/** A store in memory, which outlives the replicas of a test and fails when told to. */
export class MemoryStore implements GenerationStore {
  readonly name = "memory store";
  generations: GenerationToSave[] = [];
  readonly parts = new Map<string, Uint8Array>();
  readonly quarantined: string[] = [];
  fault: Error | undefined;

  async load(): Promise<readonly StoredGeneration[]> {
    this.#check();
    return this.generations;
  }

  async read(kind: PartKind, digest: string): Promise<Uint8Array | undefined> {
    this.#check();
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
