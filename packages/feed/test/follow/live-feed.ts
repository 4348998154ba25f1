import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import { type FeedSigners, followingKeyset, keysetKeyOf } from "@dimmer/feed/build";
import type { WatchEvent } from "@dimmer/feed/follow";
import {
  digestOf,
  formatVersion,
  type HeadPayload,
  inspectStatement,
  signStatement,
  type Version,
  type WireEntitlement,
  type WireLock,
  type WireTombstone,
} from "@dimmer/statement";
import { AUD, build, generateSigners, ISS, NOW_MS } from "../build/fixture.ts";
import { forge } from "./forge.ts";
import type { ServedFeed } from "./memory-source.ts";

/** What is published in one version. */
export interface Change {
  readonly set?: readonly (WireEntitlement | WireTombstone)[];
  /** The whole list, where it changes. */
  readonly locks?: readonly WireLock[];
  readonly policy?: PolicyDocument;
}

/** What one publication sends, in its order. */
export interface Publication extends Version {
  readonly base: number;
  readonly frames: readonly WatchEvent[];
}

/** All that was published as of one version. */
export interface PublishedState {
  readonly lines: ReadonlyMap<string, WireEntitlement | WireTombstone>;
  readonly locks: readonly WireLock[];
}

/**
 * A small authority in memory: each change is a delta, signed at once; the list follows when it is told to. It keeps all
 * that it ever published.
 */
export class LiveFeed implements ServedFeed {
  readonly lines = new Map<string, WireEntitlement | WireTombstone>();
  readonly parts = new Map<string, Uint8Array>();
  readonly log: Publication[] = [];
  /** Every frame that ever went out. */
  readonly everSent: WatchEvent[] = [];
  /** By version, as text. */
  readonly states = new Map<string, PublishedState>();
  keysets: readonly string[] = [];
  locks: readonly WireLock[] = [];
  policy: PolicyDocument = standardPolicy;
  head = "";
  epoch = 1;
  seq = 0;
  nowMs: number = NOW_MS;
  signers: FeedSigners;
  #named: Pick<HeadPayload, "index" | "policy" | "locks"> = {
    index: "",
    policy: "",
    locks: { epoch: 0, seq: 0, digest: "" },
  };

  constructor(signers: FeedSigners) {
    this.signers = signers;
  }

  /** A feed with a first version, listed. */
  static async of(signers: FeedSigners, change: Change = {}): Promise<LiveFeed> {
    const live = new LiveFeed(signers);
    await live.#publish({ ...change, locks: change.locks ?? [], policy: change.policy ?? standardPolicy });
    await live.list();
    return live;
  }

  get version(): Version {
    return { epoch: this.epoch, seq: this.seq };
  }

  /** Signs a change as the next version. @returns what goes over the stream, the head last */
  async publish(change: Change): Promise<readonly WatchEvent[]> {
    const { frames } = await this.#publish(change);
    return [...frames, { event: "head", data: await this.renew() }];
  }

  /** Signs the head anew. */
  async renew(): Promise<string> {
    const iat = Math.floor(this.nowMs / 1_000);
    const payload: HeadPayload = { iss: ISS, aud: AUD, ...this.version, ...this.#named, iat, fresh_until: iat + 60 };
    this.head = await signStatement("dimmer-head+jwt", payload, this.signers.feed);
    this.everSent.push({ event: "head", data: this.head });
    return this.head;
  }

  /** Lists what is published, and signs a head that names the list. */
  async list(): Promise<string> {
    const entitlements = [...this.lines.values()];
    const { policy, locks, signers, nowMs } = this;
    const built = await build(signers, { entitlements, policy, locks: [...locks], nowMs, allowInvalid: true });
    const listed = await forge(built, signers, {
      index: (index) => ({ ...index, ...this.version, policy: this.#named.policy }),
    });
    for (const [name, bytes] of listed.parts) if (!this.parts.has(name)) this.parts.set(name, bytes);
    if (this.keysets.length === 0) this.keysets = listed.keysets;
    const index = [...listed.parts.keys()].findLast((name) => name.startsWith("index/"))?.slice("index/".length);
    this.#named = { ...this.#named, index: index as string };
    return await this.renew();
  }

  /** What a reader that holds `from` missed. */
  since(from: Version): readonly WatchEvent[] | "list again" {
    if (from.epoch !== this.epoch || from.seq > this.seq) return "list again";
    const missed = this.log.filter(({ epoch, seq }) => epoch === this.epoch && seq > from.seq);
    if (missed.length !== this.seq - from.seq) return "list again";
    return [...missed.flatMap(({ frames }) => frames), { event: "head", data: this.head }];
  }

  /** The authority restored from a backup that lacks the last versions; its epoch is raised, and it is listed. */
  async restore(lost: number): Promise<void> {
    const kept = this.log.slice(0, Math.max(1, this.log.length - lost));
    const { epoch, seq } = kept.at(-1) as Publication;
    const { lines } = this.states.get(formatVersion({ epoch, seq })) as PublishedState;
    // What the backup does not know is removed by hand: an index that merely lacks it would remove nobody (F4).
    const unknown = [...this.lines.keys()].filter((tenant) => !lines.has(tenant));
    const gone = Math.floor(this.nowMs / 1_000);
    this.lines.clear();
    for (const [tenant, line] of lines) this.lines.set(tenant, line);
    this.seq = seq;
    this.epoch += 1;
    this.log.length = 0;
    await this.#publish({ set: unknown.map((tenant) => ({ tenant, gone })), locks: this.locks });
    await this.list();
  }

  /** Has another key sign heads, indexes and deltas from here on. */
  async rotate(): Promise<void> {
    const newest = inspectStatement(this.keysets.at(-1) as string);
    if (newest.typ !== "dimmer-keyset+jwt") throw new Error(newest.typ);
    const { feed } = await generateSigners();
    const next = followingKeyset(newest.payload, { add: [keysetKeyOf("feed", feed)] });
    this.keysets = [...this.keysets, await signStatement("dimmer-keyset+jwt", next, this.signers.root)];
    this.signers = { ...this.signers, feed };
  }

  async #publish({ set = [], locks, policy }: Change): Promise<Publication> {
    const { signers, epoch, seq: base } = this;
    const seq = base + 1;
    const issued = { iss: ISS, aud: AUD };
    const frames: WatchEvent[] = [];
    if (policy !== undefined) {
      this.policy = policy;
      const token = await signStatement("dimmer-policy+jwt", { ...issued, policy }, signers.policy);
      this.#named = { ...this.#named, policy: await this.#keep("policy", token) };
      frames.push({ event: "policy", data: token });
    }
    if (locks !== undefined) {
      this.locks = locks;
      const payload = { ...issued, epoch, seq, iat: Math.floor(this.nowMs / 1_000), locks };
      const token = await signStatement("dimmer-locks+jwt", payload, signers.locks);
      this.#named = { ...this.#named, locks: { epoch, seq, digest: await this.#keep("locks", token) } };
      frames.push({ event: "locks", data: token });
    }
    for (const line of set) this.lines.set(line.tenant, line);
    const payload = { ...issued, epoch, base, seq, policy: this.#named.policy, entitlements: [...set] };
    frames.push({ event: "delta", data: await signStatement("dimmer-delta+jwt", payload, signers.feed) });
    this.seq = seq;
    const publication = { epoch, base, seq, frames };
    this.log.push(publication);
    this.everSent.push(...frames);
    this.states.set(formatVersion({ epoch, seq }), { lines: new Map(this.lines), locks: this.locks });
    return publication;
  }

  async #keep(kind: "policy" | "locks", token: string): Promise<string> {
    const digest = await digestOf(token);
    this.parts.set(`${kind}/${digest}`, new TextEncoder().encode(token));
    return digest;
  }
}
