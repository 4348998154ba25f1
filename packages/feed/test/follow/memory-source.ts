import { DimmerError } from "@dimmer/core";
import type { FeedSource, PartKind, SourceHead } from "@dimmer/feed/follow";

/** What a source serves: a built feed, or one that was tampered with. */
export interface ServedFeed {
  readonly head: string;
  readonly keysets: readonly string[];
  readonly parts: ReadonlyMap<string, Uint8Array>;
}

/** A source in memory, whose feed and faults tests set. */
export class MemorySource implements FeedSource {
  readonly name: string;
  readonly kind: "network" | "directory";
  feed: ServedFeed | undefined;
  /** What every method rejects with. */
  fault: Error | undefined;
  /** Waited for before a part is given. */
  gate: Promise<void> | undefined;
  /** `kind/digest` of the parts asked for. */
  asked: string[] = [];
  heads = 0;
  isClosed = false;

  constructor(feed?: ServedFeed, options: { readonly kind?: "network" | "directory"; readonly name?: string } = {}) {
    this.feed = feed;
    this.kind = options.kind ?? "network";
    this.name = options.name ?? "memory";
  }

  async head(known?: { readonly etag?: string }): Promise<SourceHead | "unchanged"> {
    this.heads += 1;
    const { head } = this.#served();
    return known?.etag === head ? "unchanged" : { token: head, etag: head };
  }

  async keysets(): Promise<string[]> {
    return [...this.#served().keysets];
  }

  async part(kind: PartKind, digest: string, signal?: AbortSignal): Promise<Uint8Array> {
    this.asked.push(`${kind}/${digest}`);
    await this.gate;
    signal?.throwIfAborted();
    const bytes = this.#served().parts.get(`${kind}/${digest}`);
    if (bytes === undefined) throw new DimmerError("feed_refused", `${this.name}: has no ${kind}/${digest}`);
    return bytes;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  #served(): ServedFeed {
    if (this.fault !== undefined) throw this.fault;
    if (this.feed === undefined) throw new DimmerError("feed_unreachable", `${this.name}: nothing here`);
    return this.feed;
  }
}
