import type {
  Ask,
  CompiledPolicy,
  Decision,
  Entitlement,
  FeatureDecision,
  FeatureValue,
  Lock,
  Principal,
  Standing,
} from "@dimmer/core";
import type { TrustedKeys, Version } from "@dimmer/statement";
import type { ReplicaEvent } from "./events.ts";
import type { PartKind, ReplicaAck, WatchEvent } from "./ports.ts";
import type { ReplicaStatus } from "./status.ts";

/** All that is held about one tenant, for `explain` and denials. */
export interface AboutTenant {
  readonly standing: Standing;
  /** The case of each restriction, by the `index` of its standing. */
  readonly cases: readonly string[];
  readonly lock?: Lock;
  readonly entitlement?: Entitlement;
}

/** What an answer about a tenant rests on, for whoever keeps texts of answers. */
export interface Footing {
  /** The same object as long as terms, lock, policy, freshness and steps give every tenant with it the same answers. */
  readonly basis: object;
  /** The case of each restriction: the tenant's own. */
  readonly cases: readonly string[];
}

/**
 * A verified copy of a feed, which answers from memory. It never throws for what it reads: what does not verify is
 * refused whole and reported, and the last good state stays in force.
 */
export interface Replica {
  /**
   * The answer for one capability: the hot path, tens of nanoseconds, allocates nothing. Equals `decide` over what is
   * held. Ids compare exactly; an ill-formed one is denied `unknown_tenant`. Never throws, whatever it is given.
   */
  check(tenant: string, capability: string, principal?: Principal): Decision;
  /**
   * The answer for one feature alone, whoever asks: what `ask(tenant, { feature })` gives, as cheap as `check` once it was
   * asked of the tenant's terms. Never throws.
   */
  checkFeature(tenant: string, feature: string): FeatureDecision;
  /**
   * The answer to any question. Below version `atLeast` it is `no_data` (a lock outranks that): for callers who know
   * that a change was signed. Never throws.
   */
  ask(tenant: string, ask: Ask, atLeast?: Version): Decision | FeatureDecision;
  /** The value of a feature in force, whether or not a decision would let it be used. Never throws. */
  value(tenant: string, feature: string): FeatureValue | undefined;
  /** What is held about a tenant. Allocates. Never throws. */
  about(tenant: string): AboutTenant;
  /** What answers about a tenant rest on, without working it out: two look-ups where it was just asked. Never throws. */
  footing(tenant: string): Footing;
  /** The policy in force; before the first, the fallback policy. */
  readonly policy: CompiledPolicy;
  /** Version of the entitlements in force: it never goes down (F1). */
  readonly version: Version | undefined;
  /**
   * Whether verified state and a lock list are held. A replica that starts with nothing waits up to 2 s for what its first
   * head says came after the index, and answers by what it holds meanwhile. Never becomes false again.
   */
  readonly isReady: boolean;
  /** The newest verified keyset. */
  readonly keys: TrustedKeys | undefined;
  /** Unix milliseconds: what the replica takes for now, a coarse clock. Not the machine's. */
  readonly clockMs: number;
  /** Resolves when the replica is ready. Rejects (`feed_unreachable`) only when it is closed before. */
  ready(): Promise<void>;
  /** Polls every source now, without waiting for its turn. Resolves when all have answered or failed. Never rejects. */
  refresh(): Promise<void>;
  /** Stops everything and keeps what is held: answers go on, unchanged but for time no longer passing. Never rejects. */
  close(): Promise<void>;
  status(): ReplicaStatus;
  /** @returns what ends the subscription. A listener that throws is logged and kept. */
  subscribe(listener: (event: ReplicaEvent) => void): () => void;
  /** A verified part byte for byte, to serve it again: of the generation in force or the one before it. Never rejects. */
  readPart(kind: PartKind, digest: string): Promise<Uint8Array | undefined>;
  /** The newest verified head whose generation is in force. */
  readHead(): { readonly token: string; readonly etag: string } | undefined;
  /** All keysets, oldest first. */
  readKeysets(): readonly string[];
  /**
   * For whoever serves the stream again: the verified frames after `from` and the newest head, byte for byte as they were
   * received, or `list again` where they are not kept. Bounded in number and bytes. Never throws.
   *
   * @param options.tenants `false` leaves the deltas out
   */
  framesSince(from: Version, options?: { readonly tenants?: boolean }): readonly WatchEvent[] | "list again";
  /**
   * Hears every verified frame once it is in force, in order. After a jump past frames that were never received it hears
   * the head alone: who follows lists again. A listener that throws is logged and kept.
   *
   * @returns what ends it
   */
  onFrames(listener: (frames: readonly WatchEvent[]) => void): () => void;
  /** Counts in what a local follower acknowledges, for 60 s: the replica acknowledges the least version of all. Bounded. */
  noteFollower(ack: ReplicaAck): void;
}
