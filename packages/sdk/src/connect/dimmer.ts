import type {
  Ask,
  Decision,
  Denial,
  Explanation,
  FeatureDecision,
  PolicyDocument,
  Principal,
  Usage,
} from "@dimmer/core";
import type { ReplicaStatus } from "@dimmer/feed/follow";
import type { PresentedEntitlement } from "@dimmer/statement";
import type { DimmerEvents } from "./events.ts";
import type { JsonObject, NamesOf, PolicyNames } from "./names.ts";
import type { SignalAsk } from "./signals.ts";

/** A question with the names of a policy. */
export interface AskWith<N extends PolicyNames> extends Ask {
  readonly capability?: N["capability"];
  readonly feature?: N["feature"];
}

/**
 * Dimmer in a product's process: a verified replica of the feed and the questions asked of it. Every question but
 * `verify` is answered from memory, synchronously, and never throws; a denial is a value.
 *
 * Tenant ids compare exactly and must come from the session, never from the client.
 *
 * @see docs/concepts.md
 */
export interface DimmerWith<N extends PolicyNames> extends AsyncDisposable {
  /** Whether verified data is held. Until then every answer is the `no_data` fallback. */
  readonly isReady: boolean;

  /** The verified policy in force; `undefined` until one is held, though a fallback answers. */
  readonly policy: PolicyDocument | undefined;

  /**
   * Answers whether a tenant may do something now. Costs about a hundred nanoseconds and allocates nothing; the answer
   * is shared and frozen. Never throws.
   *
   * @param principal the class of who acts; left out, the policy's `principals.unstated` decides, and it is counted
   */
  check(tenant: string, capability: N["capability"], principal?: Principal): Decision;

  /**
   * Answers whether usage fits a limit, with `limit` and `remaining`. It counts nothing: the product knows its usage.
   * Never throws.
   *
   * @param usage `adding` is 1 unless said; the unit is the limit's
   */
  limit(tenant: string, feature: N["feature"], usage: Usage, principal?: Principal): FeatureDecision;

  /**
   * The value of a feature in force. `otherwise` where the feature is unknown, off, denied, of another type than
   * `otherwise`, or where nothing is known of the tenant. Two exceptions keep answers from meaning their opposite: a
   * boolean feature that is off or denied is `false`, and an unlimited limit is `Infinity`. Never throws.
   */
  value(tenant: string, feature: N["boolean"], otherwise: boolean): boolean;
  value(tenant: string, feature: N["limit"], otherwise: number): number;
  value(tenant: string, feature: N["string"], otherwise: string): string;
  value(tenant: string, feature: N["json"], otherwise: readonly unknown[]): readonly unknown[];
  value(tenant: string, feature: N["json"], otherwise: JsonObject): JsonObject;

  /**
   * Answers any question: a capability, a feature (with usage), or both. Never throws.
   *
   * @param atLeast a version such as `"3.1042"`: the answer is `no_data` while less is held (a lock outranks it)
   */
  ask(tenant: string, ask: AskWith<N>, atLeast?: string): Decision | FeatureDecision;

  /** Explains where a tenant stands: mode, causes, next steps, what still works, links, banner. Allocates. Never throws. */
  explain(tenant: string, options?: { readonly locale?: string }): Explanation;

  /**
   * The denial to send for a decision: status, headers, problem+json body. Allocates.
   *
   * @param options `principal`: what still works is then told for that class, not for an admin
   * @throws {TypeError} where the decision allows
   */
  denial(
    tenant: string,
    decision: Decision,
    options?: { readonly acceptLanguage?: string; readonly principal?: Principal },
  ): Denial;

  /**
   * A signal for long-lived work: aborts, with the denied decision's reason, when the tenant loses the capability, be
   * it by a new generation, a lock, or a signed step on its instant. Already aborted where it is denied now. It does
   * not come back: after a denial ends, ask for a new one.
   *
   * One signal is shared per tenant and question. The newest 4,096 are kept alive here; an older one lives while the
   * product holds it or listens to it. Never throws.
   *
   * @param asked a capability, or `{ capability, feature, principal }`: it then ends with the feature as well, as when the
   *   tenant changes to a plan without it
   */
  signal(
    tenant: string,
    asked: N["capability"] | SignalAsk<N["capability"], N["feature"]>,
    principal?: Principal,
  ): AbortSignal;

  /**
   * Listens to what happens to the replica. A listener that throws is reported to the log and disturbs nothing.
   *
   * @returns takes the listener off again
   */
  on<E extends keyof DimmerEvents>(event: E, listener: (detail: DimmerEvents[E]) => void): () => void;

  /**
   * Verifies an entitlement token that somebody presents, with the keys of the replica: signature, audience, expiry,
   * version, lock. It grants nothing to its bearer but the answer about its subject.
   *
   * @throws {DimmerError} `statement_malformed`, `statement_untrusted`, `statement_expired` or `statement_outdated`
   */
  verify(token: string): Promise<PresentedEntitlement>;

  /** Resolves when verified data is held; waits for as long as that takes. @throws {DimmerError} `feed_unreachable` after `close` */
  ready(): Promise<void>;

  /** What is held, how old it is, and what was refused. Tenant ids stand in it: it is for operators. Never throws. */
  status(): ReplicaStatus;

  /** Stops following. No handle stays open; answers go on from what is held. May be called twice. Never throws. */
  close(): Promise<void>;
}

/**
 * Dimmer with the names of a policy (`connect<typeof policy>`): a capability or feature that the policy does not have
 * does not compile. Without a policy every name does, and any `Dimmer` passes for one.
 */
export type Dimmer<P extends PolicyDocument = PolicyDocument> = DimmerWith<NamesOf<P>>;
