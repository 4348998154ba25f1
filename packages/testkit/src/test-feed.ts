import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import {
  type BuiltFeed,
  buildFeed,
  type FeedSigners,
  readPreviousFeed,
  signEntitlementToken,
  sourceOf,
} from "@dimmer/feed/build";
import type { WireEntitlement, WireLock, WireTombstone } from "@dimmer/statement";
import { generateSigner, trustStringOf } from "@dimmer/statement/keys";
import type { TestContent } from "./test-tenants.ts";

const ISSUER = "https://authority.test";

/** How a feed is signed. */
export interface TestFeedOptions extends TestContent {
  /** Default `development`. */
  readonly audience?: string;
  /** Milliseconds that a head is fresh. Default a day. */
  readonly freshForMs?: number;
  /** Unix milliseconds, asked for whenever something is signed. */
  readonly nowMs: () => number;
}

/** A feed signed in this process, with four keys of its own: an authority without a server. */
export class TestFeed {
  /** What replicas pin: `SHA256:…`. */
  readonly trust: string;
  readonly audience: string;
  readonly #signers: FeedSigners;
  readonly #freshForMs: number;
  readonly #nowMs: () => number;
  readonly #tenants: Map<string, WireEntitlement | WireTombstone>;
  readonly #locks: Map<string, WireLock>;
  #policy: PolicyDocument;
  #built: BuiltFeed | undefined;
  #first: BuiltFeed | undefined;

  private constructor(signers: FeedSigners, trust: string, options: TestFeedOptions) {
    const { audience = "development", freshForMs = 86_400_000, nowMs, tenants = [], locks = [] } = options;
    this.trust = trust;
    this.audience = audience;
    this.#signers = signers;
    this.#freshForMs = freshForMs;
    this.#nowMs = nowMs;
    this.#tenants = new Map(tenants.map((entitlement) => [entitlement.tenant, entitlement]));
    this.#locks = new Map(locks.map((lock) => [lock.tenant, lock]));
    this.#policy = options.policy ?? standardPolicy;
  }

  /** Makes four keys and signs the first version. @throws {DimmerError} for an entitlement or policy that is ill-formed */
  static async create(options: TestFeedOptions): Promise<TestFeed> {
    const [root, policy, locks, feed] = await Promise.all([
      generateSigner(),
      generateSigner(),
      generateSigner(),
      generateSigner(),
    ]);
    const signers = { root: root.signer, policy: policy.signer, locks: locks.signer, feed: feed.signer };
    const made = new TestFeed(signers, await trustStringOf(root.signer.publicKey), options);
    await made.publish();
    made.#first = made.#built;
    return made;
  }

  /** The newest version. */
  get newest(): BuiltFeed {
    return this.#built as BuiltFeed;
  }

  /** The first version: what somebody serves who rolls back. */
  get first(): BuiltFeed {
    return this.#first as BuiltFeed;
  }

  /** Puts entitlements into the place of those there are, without signing anything yet. */
  set(...tenants: readonly WireEntitlement[]): void {
    for (const entitlement of tenants) this.#tenants.set(entitlement.tenant, entitlement);
  }

  /** Marks a tenant as gone, without signing anything yet. */
  remove(tenant: string): void {
    this.#tenants.set(tenant, { tenant, gone: Math.floor(this.#nowMs() / 1_000) });
  }

  /** Puts a lock into the list, without signing anything yet. */
  lock(lock: WireLock): void {
    this.#locks.set(lock.tenant, lock);
  }

  /** Takes a lock off the list, without signing anything yet. */
  unlock(tenant: string): void {
    this.#locks.delete(tenant);
  }

  /** Puts another policy into force, without signing anything yet. */
  setPolicy(policy: PolicyDocument): void {
    this.#policy = policy;
  }

  /** Signs the next version; where nothing is new, a new head of the same. @throws {DimmerError} as `buildFeed` does */
  async publish(): Promise<void> {
    const { trust, audience } = this;
    const previous =
      this.#built === undefined
        ? undefined
        : await readPreviousFeed(sourceOf(this.#built), { trust: [trust], audience });
    this.#built = await buildFeed({
      entitlements: this.#tenants.values(),
      locks: [...this.#locks.values()],
      policy: this.#policy,
      signers: this.#signers,
      iss: ISSUER,
      aud: audience,
      nowMs: this.#nowMs(),
      freshForMs: this.#freshForMs,
      ...(previous === undefined ? {} : { previous }),
    });
  }

  /**
   * Mints the entitlement token of a tenant as it was last published.
   *
   * @param ttlMs milliseconds that it lives, 1,000 to 3,600,000; default 300,000
   * @returns `undefined` where there is no such tenant
   */
  async token(tenant: string, ttlMs?: number): Promise<string | undefined> {
    const entitlement = this.#tenants.get(tenant);
    if (entitlement === undefined || "gone" in entitlement) return undefined;
    const lock = this.#locks.get(tenant);
    const { version, headPayload } = this.newest;
    return await signEntitlementToken({
      entitlement,
      ...(lock === undefined ? {} : { lock }),
      version,
      policy: headPayload.policy,
      iss: ISSUER,
      aud: this.audience,
      signer: this.#signers.feed,
      nowMs: this.#nowMs(),
      ...(ttlMs === undefined ? {} : { ttlMs }),
    });
  }
}
