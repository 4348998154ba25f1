import { DimmerError } from "@dimmer/core";
import { DEFAULT_TOKEN_TTL_MS, signEntitlementToken } from "@dimmer/feed/build";
import { inspectStatement, type WireEntitlement, type WireLock, type WireTombstone } from "@dimmer/statement";
import type { Service } from "../api/service.ts";

/** What asking for a token gives: the token, or why there is none. */
export type TokenAnswer =
  | { readonly token: string }
  /**
   * `unpublished`: no feed is, or this process may not sign. `busy`: too many are being signed. `too large`: what is
   * published of the tenant is more than a token may hold.
   */
  | { readonly missing: "unknown" | "gone" | "unpublished" | "busy" | "too large" };

interface Kept {
  readonly token: string;
  readonly epoch: number;
  readonly seq: number;
  readonly kid: string;
  /** Unix milliseconds. */
  readonly renewAtMs: number;
}

interface Published {
  readonly epoch: number;
  readonly seq: number;
  readonly policy: string;
  readonly locks: string;
  readonly line: string | null;
}

/** Tokens kept to be given again; the oldest goes first. About 2 KB each. */
const MAX_KEPT = 10_000;
/** Tokens being signed at a time, some 0.3 ms each; more are asked to come back. */
const MAX_SIGNING = 128;

/**
 * Signs entitlement tokens of what is published, and of nothing else: never ahead of a delta, and never of a change that
 * waits for a second person. A token is given again until half its life, another version or another key.
 */
export class TokenDesk {
  readonly #service: Service;
  readonly #kept = new Map<string, Kept>();
  #signing = 0;
  #locks: { readonly digest: string; readonly byTenant: ReadonlyMap<string, WireLock> } | undefined;
  /** Tokens signed since the start. */
  signed = 0;
  /** Tokens given again since the start. */
  reused = 0;

  constructor(service: Service) {
    this.#service = service;
  }

  /** The token of a tenant. @throws what the store throws */
  async issue(tenant: string): Promise<TokenAnswer> {
    const { issuing, role, now } = this.#service;
    // A copy of the store that is not to sign publishes nothing, and vouches for nobody either.
    if (role().role === "refusing") return { missing: "unpublished" };
    if (this.#signing >= MAX_SIGNING) return { missing: "busy" };
    this.#signing += 1;
    try {
      const published = await this.#published(tenant);
      if (published === undefined) return { missing: "unpublished" };
      const { epoch, seq, line } = published;
      if (line === null) return { missing: "unknown" };
      const entitlement = JSON.parse(line) as WireEntitlement | WireTombstone;
      if ("gone" in entitlement) return { missing: "gone" };
      const nowMs = now();
      const { kid } = issuing.signers.feed;
      const kept = this.#kept.get(tenant);
      const isSame = kept?.epoch === epoch && kept.seq === seq && kept.kid === kid;
      if (kept !== undefined && isSame && nowMs < kept.renewAtMs) {
        this.reused += 1;
        return { token: kept.token };
      }
      const lock = (await this.#locksOf(published.locks)).get(tenant);
      const token = await signEntitlementToken({
        entitlement,
        ...(lock === undefined ? {} : { lock }),
        version: { epoch, seq },
        policy: published.policy,
        iss: issuing.iss,
        aud: issuing.aud,
        signer: issuing.signers.feed,
        nowMs,
      }).catch(unlessTooLarge);
      if (token === undefined) return { missing: "too large" };
      this.#keep(tenant, { token, epoch, seq, kid, renewAtMs: nowMs + DEFAULT_TOKEN_TTL_MS / 2 });
      this.signed += 1;
      return { token };
    } finally {
      this.#signing -= 1;
    }
  }

  /** One statement: what it reads is of one moment, on both stores. */
  async #published(tenant: string): Promise<Published | undefined> {
    return await this.#service.store.db
      .selectFrom("feed_state")
      .leftJoin("entitlement", (join) => join.on("entitlement.tenant_id", "=", tenant))
      .select(["epoch", "seq", "policy_digest as policy", "locks_digest as locks", "entitlement.line"])
      .where("feed_state.id", "=", 1)
      .executeTakeFirst();
  }

  async #locksOf(digest: string): Promise<ReadonlyMap<string, WireLock>> {
    if (this.#locks?.digest === digest) return this.#locks.byTenant;
    const { bytes } = await this.#service.store.db
      .selectFrom("part")
      .select("bytes")
      .where("kind", "=", "locks")
      .where("digest", "=", digest)
      .executeTakeFirstOrThrow();
    const list = inspectStatement(Buffer.from(bytes).toString("latin1"));
    if (list.typ !== "dimmer-locks+jwt") throw new Error(`locks/${digest} is a ${list.typ}`);
    const byTenant = new Map(list.payload.locks.map((lock) => [lock.tenant, lock]));
    this.#locks = { digest, byTenant };
    return byTenant;
  }

  #keep(tenant: string, kept: Kept): void {
    this.#kept.delete(tenant);
    if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value as string);
    this.#kept.set(tenant, kept);
  }
}

/** What is published has a form that may be signed: where it may not as a token, it is too much for one. */
function unlessTooLarge(error: unknown): undefined {
  if (error instanceof DimmerError && error.code === "statement_malformed") return;
  throw error;
}
