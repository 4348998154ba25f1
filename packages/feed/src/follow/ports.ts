import type { PolicyDocument } from "@dimmer/core";
import type { Version } from "@dimmer/statement";

/** The kinds of content-addressed parts of a feed; also the names of their directories and paths. */
export type PartKind = "index" | "policy" | "locks" | "chunks";

/** A head as a source gave it. */
export interface SourceHead {
  readonly token: string;
  /** What to hand back as `known.etag`; opaque. */
  readonly etag?: string;
}

/** One event of a watch stream. From a source it is unverified; from a replica verified, and what it brings in force. */
export type WatchEvent =
  | {
      readonly event: "delta" | "locks" | "policy" | "head";
      /** The compact token. */
      readonly data: string;
      /** The version that a verified delta brings. A source leaves it out, and it is not looked at. */
      readonly version?: Version;
    }
  | { readonly event: "goaway"; readonly afterMs: number }
  /** The line is alive. */
  | { readonly event: "beat" };

/** What a replica tells whoever it follows: the least version of itself and of those that follow it. */
export interface ReplicaAck extends Version {
  /** A name of its own, kept across restarts where there is a store: letters, digits and `. _ : @ / -`, at most 200. */
  readonly replica: string;
  /** Processes that follow it, and theirs. */
  readonly followers: number;
  /** Tenants in quarantine, summed over all that the ack speaks for. */
  readonly quarantine: number;
  /** Updates refused since the start, summed likewise. */
  readonly refusals: number;
}

/**
 * Where a feed is read from. A source moves bytes and believes nothing: whatever it gives is verified by the replica.
 * It refuses by itself only what is larger than `MAX_PART_BYTES`, before reading it. Every method rejects with a
 * `DimmerError`, whose message names the file or the URL; `feed_unreachable` is retryable.
 */
export interface FeedSource {
  /** For people: a path or a URL, without secrets. */
  readonly name: string;
  /** Only what came over the network sets the replica's clock; a directory is read as a disk is. */
  readonly kind: "network" | "directory";
  /** Whether it is on this machine: it is asked again within 5 s, however long it was away. Default `false`. */
  readonly isNear?: boolean;
  /**
   * Whether the bytes of a part are nobody else's: the replica then frees them as soon as it has read them, which for a
   * million tenants is a quarter of the memory. Default `false`: it leaves them alone.
   */
  readonly givesBytesAway?: boolean;
  /** The newest head, or `"unchanged"` where it is the one that `known.etag` came with. */
  head(known?: { readonly etag?: string }, signal?: AbortSignal): Promise<SourceHead | "unchanged">;
  /** All keysets, oldest first. */
  keysets(signal?: AbortSignal): Promise<string[]>;
  /** The bytes that a digest names. */
  part(kind: PartKind, digest: string, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * Opens a stream of what happens after `from`. Fails with a `SourceFault`: `isGone` where it must be listed again (410),
   * `isUnsupported` where the source has no stream (404, 405, 501: it is polled only). Ends when the server closes; one
   * that is silent for three heartbeats (15 s) fails, retryable. Aborting the signal ends it. Left out by a source that
   * never has a stream, as a directory.
   *
   * @param options.tenants `false`: locks, policy and heads alone
   */
  watch?(from: Version, options: { readonly tenants: boolean }, signal: AbortSignal): AsyncIterable<WatchEvent>;
  /** Tells what is enforced. Its failure is never the replica's problem. */
  ack?(ack: ReplicaAck, signal: AbortSignal): Promise<void>;
  /** Lets go of connections. */
  close?(): Promise<void>;
}

/** Tenants that a generation carries from an older index: absent without a tombstone (F4), or quarantined (F3). */
export interface CarriedFromIndex {
  /** Digest of the index that names the chunk. */
  readonly index: string;
  /** Digest of the policy in force when that index was. */
  readonly policy: string;
  /** Digest of the chunk that holds the tenants' lines. */
  readonly chunk: string;
  readonly tenants: readonly string[];
}

/** Likewise, of tenants whose entitlement came with a delta. */
export interface CarriedFromDelta {
  /** The token of the delta. */
  readonly delta: string;
  /** Digest of the policy in force when that delta was. */
  readonly policy: string;
  readonly tenants: readonly string[];
}

export type CarriedTenants = CarriedFromIndex | CarriedFromDelta;

/** A verified frame of a stream as a store keeps it. */
export interface StoredFrame {
  readonly event: "delta" | "locks" | "policy" | "head";
  /** The compact token. */
  readonly data: string;
  /** What the frame brings or was brought with. Not trusted. */
  readonly version: Version;
}

/** What makes one generation: statements as they were received, and with them every part by its digest. */
export interface StoredGeneration {
  readonly head: string;
  /** All keysets, oldest first. */
  readonly keysets: readonly string[];
  readonly carried?: readonly CarriedTenants[];
  /** What a stream brought since, in the order in which it came. */
  readonly frames?: readonly StoredFrame[];
}

/** What a store needs to know of a generation to keep it: its statements, and the parts that it consists of. */
export interface GenerationToSave extends StoredGeneration {
  readonly version: Version;
  /** Every part that must be there before the generation may be named. */
  readonly parts: readonly { readonly kind: PartKind; readonly digest: string }[];
  /** Whether an update under way has put a part that no generation names yet: it must not be removed. */
  isAwaited(digest: string): boolean;
}

/**
 * Keeps the newest generation and the one before it across restarts. It is not trusted: the replica verifies all again.
 * Every method may reject; the replica then goes on in memory and says so in its status.
 */
export interface GenerationStore {
  /** For people: where it keeps things. */
  readonly name: string;
  /** The generations kept, newest first, at most two. */
  load(): Promise<readonly StoredGeneration[]>;
  /** Where what `load` found damaged lies now. Kept from then on; empty where all was whole. */
  readonly damaged?: readonly string[];
  /** The bytes of a part, `undefined` where it is not kept. They are the caller's alone: it may free them. */
  read(kind: PartKind, digest: string): Promise<Uint8Array | undefined>;
  /** Keeps the bytes of a part that a later `save` will name. Keeping it again changes nothing. */
  put(kind: PartKind, digest: string, bytes: Uint8Array): Promise<void>;
  /**
   * Names a generation the newest, once all its parts are kept; the newest so far becomes the one before it, unless it
   * has the same index.
   */
  save(generation: GenerationToSave): Promise<void>;
  /** Adds frames to those of the newest generation, all in one write. Rejects where there is no generation. */
  append(frames: readonly StoredFrame[]): Promise<void>;
  /** The name of the replica whose store this is: the one kept, or `fresh`, which is then kept. */
  identify(fresh: string): Promise<string>;
  /**
   * Sets aside what did not verify: a part, or the statements of a whole generation.
   *
   * @returns where it lies now, for people; `undefined` where there was nothing
   */
  quarantine(
    what: { readonly kind: PartKind; readonly digest: string } | { readonly head: string },
  ): Promise<string | undefined>;
}

/** A timer that can be stopped. Stopping twice is fine. */
export interface ReplicaTimer {
  stop(): void;
}

/** Time as the replica sees it. No timer of it keeps a process alive. */
export interface ReplicaClock {
  /** Unix milliseconds by the machine's clock, which may jump. */
  wallMs(): number;
  /** Milliseconds that only grow, from any start that is not negative. */
  monotonicMs(): number;
  /** Calls `fn` every `ms` milliseconds. */
  every(ms: number, fn: () => void): ReplicaTimer;
  /** Calls `fn` once after `ms` milliseconds. */
  after(ms: number, fn: () => void): ReplicaTimer;
  /** Lets everything that waits have its turn: resolves in a later task, as soon as possible. */
  turn(): Promise<void>;
}

/** Where the replica writes what happens to it. A pino logger is one. Never tenant data beyond ids. */
export interface ReplicaLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** Options of `followFeed`. */
export interface FollowOptions {
  /** Polled each on its own; the newest head of any of them counts. At least one. */
  readonly sources: readonly FeedSource[];
  /** Root keys to trust, `SHA256:` + thumbprint. At least one. */
  readonly trust: readonly string[];
  /** What every statement must be made for. Default `development`: keys of a production feed are refused then. */
  readonly audience?: string;
  /** Keeps generations across restarts. Default none: a restart without a source then starts from nothing, locks included. */
  readonly store?: GenerationStore;
  /** Gives the fallbacks until a policy is held. Default: the standard policy, which allows. Must lint. */
  readonly fallbackPolicy?: PolicyDocument;
  readonly clock: ReplicaClock;
  /** Milliseconds between polls of a source that answers, at least 20. Default 5,000: a change is seen that late at worst. */
  readonly pollMs?: number;
  /**
   * Milliseconds between polls of a source whose stream is healthy, a quarter more or less each time, at least 20.
   * Default 60,000: what a stream silently lost is made good that late at worst.
   */
  readonly slowPollMs?: number;
  /** Default: silent. */
  readonly log?: ReplicaLog;
  /** A number from 0 to below 1, for the jitter of retries. Default `Math.random`'s equal: seeded from the crypto port. */
  readonly random?: () => number;
}
