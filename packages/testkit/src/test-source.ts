import type { BuiltFeed } from "@dimmer/feed/build";
import { type FeedSource, type PartKind, SourceFault, type SourceHead } from "@dimmer/feed/follow";
import type { TestFeed } from "./test-feed.ts";

/** How an authority fares: it answers, nothing answers, or somebody serves the first version for the newest. */
export type SourceState = "up" | "down" | "rolled_back";

/** A feed as a replica reads it over a network, with the faults of one. */
export class TestSource implements FeedSource {
  readonly name = "authority.test";
  readonly kind = "network";
  state: SourceState = "up";
  readonly #feed: TestFeed;

  constructor(feed: TestFeed) {
    this.#feed = feed;
  }

  /** The version that is served. @throws {SourceFault} where nothing answers */
  get served(): BuiltFeed {
    if (this.state === "down") throw new SourceFault(`${this.name}: nothing answers`);
    return this.state === "rolled_back" ? this.#feed.first : this.#feed.newest;
  }

  async head(known?: { readonly etag?: string }): Promise<SourceHead | "unchanged"> {
    const { head } = this.served;
    return known?.etag === head ? "unchanged" : { token: head, etag: head };
  }

  async keysets(): Promise<string[]> {
    return [...this.served.keysets];
  }

  async part(kind: PartKind, digest: string): Promise<Uint8Array> {
    const bytes = this.served.parts.get(`${kind}/${digest}`);
    if (bytes === undefined) throw new SourceFault(`${this.name}: has no ${kind}/${digest}`);
    return bytes;
  }
}
