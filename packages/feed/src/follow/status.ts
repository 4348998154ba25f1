import type { ErrorCode } from "@dimmer/core";
import type { Version } from "@dimmer/statement";

/** A tenant whose newest entitlement names what the policy in force does not know (F3). */
export interface QuarantinedTenant {
  readonly tenant: string;
  /** What is not known, as in `mode "frozen", plan "gold"`. */
  readonly why: string;
}

/** One refused update. */
export interface Refusal {
  /** Unix milliseconds by the replica's clock. */
  readonly atMs: number;
  /** Name of the source, or of the store. */
  readonly source: string;
  readonly code: ErrorCode;
  readonly message: string;
}

/** How a source or the store fares. */
export interface SourceStatus {
  readonly name: string;
  /** `waiting`: not tried yet · `ok` · `refused`: it answers with what does not verify · `failing`: it does not answer. */
  readonly state: "waiting" | "ok" | "refused" | "failing";
  /** Unix milliseconds by the replica's clock of the last good answer. */
  readonly lastOkMs?: number;
  /** The last fault, also after it has passed. */
  readonly lastError?: string;
  /** Unix milliseconds by the replica's clock: when it was met. */
  readonly lastErrorMs?: number;
  /** `streaming`: its stream is open and speaks, and it is polled slowly beside it. */
  readonly following: "streaming" | "polling";
  /** Streams opened after the first. */
  readonly reconnects: number;
  /** Deltas that its streams brought into force. */
  readonly deltas: number;
  /** Streams given up because nothing came for three heartbeats, not even a heartbeat. */
  readonly deadStreams: number;
}

/** How the store fares. */
export interface StoreStatus {
  readonly name: string;
  /** `failing`: generations are not kept at present; the replica goes on in memory. */
  readonly state: "waiting" | "ok" | "failing";
  readonly lastError?: string;
}

/** Counts since the start, but for `narrowedPerMinute`. */
export interface ReplicaCounters {
  /** Times the machine's clock jumped by over a second. */
  readonly wallJumps: number;
  /** Answers for tenants that are not in the feed, ill-formed ids included. */
  readonly unknownTenant: number;
  /** Answers given without data. */
  readonly noData: number;
  /** Answers for a principal that was not stated. */
  readonly unstatedPrincipal: number;
  /** Tenants narrowed in the last 60 s. */
  readonly narrowedPerMinute: number;
  /** Tenants at present that a newer complete generation lacks without a tombstone (F4). */
  readonly keptMissing: number;
}

/** A replica at a glance. Bounded whatever the feed. */
export interface ReplicaStatus {
  readonly isReady: boolean;
  /** Version of the entitlements in force. */
  readonly version?: Version;
  readonly locksVersion?: Version;
  readonly keysetVersion?: number;
  /** Digest of the policy in force; left out while a fallback policy stands in. */
  readonly policy?: string;
  readonly freshness: "fresh" | "stale";
  /** Unix milliseconds up to which signed narrowing by time alone is carried out. */
  readonly horizonMs?: number;
  /** Unix milliseconds. */
  readonly freshUntilMs?: number;
  /** Unix milliseconds: what the replica takes for now. */
  readonly nowMs: number;
  /** Tenants with an entitlement. */
  readonly tenants: number;
  /** Tenants with at least one restriction. */
  readonly restricted: number;
  readonly locked: number;
  readonly quarantine: { readonly count: number; readonly tenants: readonly QuarantinedTenant[] };
  readonly refusals: { readonly count: number; readonly last?: Refusal };
  readonly sources: readonly SourceStatus[];
  readonly store?: StoreStatus;
  readonly counters: ReplicaCounters;
}
