import type { Decision, Denial, Explanation, FeatureDecision, PolicyDocument, Principal, Usage } from "@dimmer/core";
import type { PresentedEntitlement } from "@dimmer/statement";
import type { AskWith } from "../connect/dimmer.ts";
import type { DimmerEvents } from "../connect/events.ts";
import type { JsonObject, NamesOf, PolicyNames } from "../connect/names.ts";
import type { SignalAsk } from "../connect/signals.ts";
import type { RemoteCounters } from "./questions.ts";

/** What `on` tells of a remote client: it is not told of every tenant, so there is no `change` and no `update`. */
export type RemoteEvents = Omit<DimmerEvents, "change" | "update" | "fresh">;

/** A remote client at a glance. It holds no entitlements: those are in the sidecar's `/v1/status`. */
export interface RemoteStatus {
  readonly isReady: boolean;
  /** Version of the newest verified head. */
  readonly version?: string;
  readonly locksVersion?: string;
  readonly keysetVersion?: number;
  readonly freshness: "fresh" | "stale";
  /** Tenants on the lock list that is held here. */
  readonly lockedTenants: number;
  /** Whether the sidecar is asked at all: it is not for a while after several questions in a row without an answer. */
  readonly isAsking: boolean;
  readonly refusals: number;
  readonly lastError?: string;
  readonly counters: Readonly<RemoteCounters>;
}

/**
 * Dimmer through a sidecar: the questions of `Dimmer` as promises, which never reject. The whole lock list is held in
 * this process and answers first; where the sidecar does not answer in time, the policy's `no_data` fallback does.
 *
 * Every question is a round trip, some 0.1 ms: a product that asks more than a few times a request follows the feed
 * with `connect` instead.
 */
export interface RemoteDimmerWith<N extends PolicyNames> extends AsyncDisposable {
  /** Whether the lock list is held. Before that a lock is only as good as the sidecar's answer. */
  readonly isReady: boolean;
  /** @see Dimmer.check. Never rejects. */
  check(tenant: string, capability: N["capability"], principal?: Principal): Promise<Decision>;
  /** @see Dimmer.limit. Never rejects. */
  limit(tenant: string, feature: N["feature"], usage: Usage, principal?: Principal): Promise<FeatureDecision>;
  /** @see Dimmer.value. Never rejects. */
  value(tenant: string, feature: N["boolean"], otherwise: boolean): Promise<boolean>;
  value(tenant: string, feature: N["limit"], otherwise: number): Promise<number>;
  value(tenant: string, feature: N["string"], otherwise: string): Promise<string>;
  value(tenant: string, feature: N["json"], otherwise: readonly unknown[]): Promise<readonly unknown[]>;
  value(tenant: string, feature: N["json"], otherwise: JsonObject): Promise<JsonObject>;
  /** @see Dimmer.ask. Never rejects. */
  ask(tenant: string, ask: AskWith<N>, atLeast?: string): Promise<Decision | FeatureDecision>;
  /** @see Dimmer.explain. Never rejects. */
  explain(tenant: string, options?: { readonly locale?: string }): Promise<Explanation>;
  /**
   * The denial to send for a denied decision, made of what the sidecar tells of the tenant.
   *
   * @throws {TypeError} where the decision allows
   */
  denial(
    tenant: string,
    decision: Decision,
    options?: { readonly acceptLanguage?: string; readonly principal?: Principal },
  ): Promise<Denial>;
  /**
   * A signal for long-lived work, as `Dimmer.signal`: what is asked again for every poll, so it aborts within `pollMs`
   * of the change, and with a lock at once. Where the sidecar does not answer it stays as it is. Never rejects.
   */
  signal(
    tenant: string,
    asked: N["capability"] | SignalAsk<N["capability"], N["feature"]>,
    principal?: Principal,
  ): Promise<AbortSignal>;
  /** Listens to what happens to this client. @returns takes the listener off again */
  on<E extends keyof RemoteEvents>(event: E, listener: (detail: RemoteEvents[E]) => void): () => void;
  /** @see Dimmer.verify. @throws {DimmerError} as there */
  verify(token: string): Promise<PresentedEntitlement>;
  /** Resolves when the lock list is held. @throws {DimmerError} `feed_unreachable` after `close` */
  ready(): Promise<void>;
  /** Never throws. */
  status(): RemoteStatus;
  /** Closes the connections. No handle stays open; questions then get the fallback. May be called twice. Never rejects. */
  close(): Promise<void>;
}

/** A remote client with the names of a policy, as `Dimmer` is. */
export type RemoteDimmer<P extends PolicyDocument = PolicyDocument> = RemoteDimmerWith<NamesOf<P>>;
