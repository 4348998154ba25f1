import type { GenerationStore, GenerationToSave, PartKind, StoredFrame, StoredGeneration } from "@dimmer/feed/follow";
import { compareVersions } from "@dimmer/statement";

/** A store in memory, which outlives the replicas of a test and is full when told to be. */
export class MemoryStore implements GenerationStore {
  readonly name = "memory store";
  generations: GenerationToSave[] = [];
  readonly parts = new Map<string, Uint8Array>();
  readonly quarantined: string[] = [];
  /** What keeping anything rejects with: a full disk can still be read. */
  fault: Error | undefined;
  identity: string | undefined;
  appends = 0;

  /** The store as a crash at this moment leaves it. */
  copy(): MemoryStore {
    const copy = new MemoryStore();
    copy.generations = [...this.generations];
    for (const [name, bytes] of this.parts) copy.parts.set(name, bytes);
    copy.fault = this.fault;
    copy.identity = this.identity;
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
    const indexOf = ({ parts }: GenerationToSave): string | undefined => parts.find((p) => p.kind === "index")?.digest;
    const older = this.generations.find(
      (kept) => compareVersions(kept.version, generation.version) < 0 && indexOf(kept) !== indexOf(generation),
    );
    this.generations = older === undefined ? [generation] : [generation, older];
  }

  async append(frames: readonly StoredFrame[]): Promise<void> {
    this.#check();
    this.appends += 1;
    const [newest, ...older] = this.generations;
    if (newest === undefined) throw new Error("no generation is kept");
    this.generations = [{ ...newest, frames: [...(newest.frames ?? []), ...frames] }, ...older];
  }

  async identify(fresh: string): Promise<string> {
    this.#check();
    this.identity ??= fresh;
    return this.identity;
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
