import type { Decision, PolicyDocument, Principal } from "@dimmer/core";
import type { NamesOf, PolicyNames } from "../connect/names.ts";
import type { RemoteDimmerWith } from "../remote/remote-dimmer.ts";
import type { EdgeFollow } from "./options.ts";
import type { CacheCounters } from "./tenant-cache.ts";

/** An edge client at a glance. No tenant ids stand in it. */
export interface EdgeStatus {
  readonly isReady: boolean;
  /** Version of the newest verified head. */
  readonly version?: string;
  readonly locksVersion?: string;
  readonly keysetVersion?: number;
  readonly freshness: "fresh" | "stale";
  /** Tenants on the lock list, all of which is held. */
  readonly lockedTenants: number;
  /** Tenants of which an entitlement is held. */
  readonly tenants: number;
  /** Tenants not looked up again for 5 s. */
  readonly negatives: number;
  /** Look-ups under way. */
  readonly loading: number;
  readonly follow: EdgeFollow;
  readonly isStreaming: boolean;
  readonly refusals: number;
  readonly lastError?: string;
  readonly counters: Readonly<CacheCounters & { readonly chunkReads: number }>;
}

/**
 * Dimmer at the edge: the entitlements of the tenants that are asked about, the whole lock list and the policy, all
 * verified, in a process that cannot hold the feed. The questions are those of `Dimmer`, as promises: they are answered
 * from memory where the tenant is held, and wait for one look-up where it is not. They never reject.
 *
 * Tenant ids compare exactly and must come from the session, never from the client.
 */
export interface EdgeDimmerWith<N extends PolicyNames>
  extends Omit<RemoteDimmerWith<N>, "signal" | "status" | "isReady"> {
  /** Whether the lock list and a policy are held. Until then every answer is the `no_data` fallback. */
  readonly isReady: boolean;
  /** The verified policy in force; `undefined` until one is held, though a fallback answers. */
  readonly policy: PolicyDocument | undefined;
  /**
   * The answer that is in memory, at once: what `check` would say without looking the tenant up. `undefined` where
   * nothing is held about the tenant; ask `check` then. Where it is past half its life it is looked up again beside.
   * Never throws.
   */
  peek(tenant: string, capability: N["capability"], principal?: Principal): Decision | undefined;
  /** Looks a tenant up now, whatever is held: for who has just heard that it paid. Never rejects. */
  reload(tenant: string): Promise<void>;
  /** Resolves when nothing is under way: what a Worker gives to `waitUntil`. Never rejects. */
  settled(): Promise<void>;
  /** Never throws. */
  status(): EdgeStatus;
}

/** An edge client with the names of a policy, as `Dimmer` is. */
export type EdgeDimmer<P extends PolicyDocument = PolicyDocument> = EdgeDimmerWith<NamesOf<P>>;
