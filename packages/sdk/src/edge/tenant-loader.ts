import { DimmerError, type Lock, type Terms } from "@dimmer/core";
import { bucketOf, SourceFault } from "@dimmer/feed/lean";
import {
  casesFromWire,
  checkWireEntitlement,
  type EntitlementTokenPayload,
  type IndexPayload,
  isTombstone,
  lockFromWire,
  msFromWire,
  sha256,
  termsFromWire,
  type Version,
  verifyTenantLean,
  type WireEntitlement,
} from "@dimmer/statement/lean";
import { LRUCache } from "lru-cache";
import type { Held } from "../held/read-held.ts";
import type { FeedKeeper } from "./feed-keeper.ts";
import type { EdgeSource } from "./fetch-source.ts";

/** When something was known of a tenant, and until when it counts as fresh. */
interface Known {
  readonly version: Version;
  /** Unix milliseconds of the statement that it rests on. */
  readonly knownAtMs: number;
  /** Unix milliseconds. */
  readonly expiresMs: number;
  /** Digest of the index that it was read by; left out of a token. */
  readonly index?: string;
}

/** What was learnt of a tenant: verified, but for `unknown`, which only says that there is nothing to verify. */
export type Learnt =
  | (Known & { readonly kind: "terms"; readonly terms: Terms; readonly cases: readonly string[]; readonly lock?: Lock })
  | (Known & { readonly kind: "gone" })
  | { readonly kind: "unknown" };

/** Where a tenant is looked up. */
export interface TenantLoaderOptions {
  readonly source: EdgeSource;
  readonly keeper: FeedKeeper;
}

const TOLERANCE_MS = 60_000;
const MAX_LIFE_MS = 3_600_000;
/** What was read of a chunk lives as long as a token would. */
const CHUNK_LIFE_MS = 300_000;
/** A source without a token door is asked for one again after this. */
const NO_DOOR_MS = 60_000;
const MAX_CHUNK_BYTES = 8 * 1024 * 1024;

/**
 * Looks a tenant up: an entitlement token, or, where there is no token to be had, the tenant's chunk of the feed
 * (head → index → chunk). It verifies all of it and remembers nothing of tenants; an index and a few chunks are kept.
 */
export class TenantLoader {
  readonly #source: EdgeSource;
  readonly #keeper: FeedKeeper;
  readonly #chunks = new LRUCache<string, string>({
    maxSize: MAX_CHUNK_BYTES,
    sizeCalculation: (text) => text.length + 1,
  });
  #index: { readonly digest: string; readonly payload: IndexPayload } | undefined;
  #noDoorUntilMs = Number.NEGATIVE_INFINITY;
  /** Look-ups that had to read a chunk. */
  chunkReads = 0;

  constructor({ source, keeper }: TenantLoaderOptions) {
    this.#source = source;
    this.#keeper = keeper;
  }

  /**
   * What is published of a tenant now.
   *
   * @param isHeld something is known of the tenant already: then nobody's word that there is no such tenant is taken, and
   *   the signed chunk is read
   * @throws {DimmerError} where neither a token nor a chunk is to be had, or what is there does not verify
   */
  async load(tenant: string, isHeld: boolean): Promise<Learnt> {
    if (this.#keeper.time.nowMs >= this.#noDoorUntilMs) {
      try {
        const answer = await this.#source.token(tenant);
        if (typeof answer !== "string") return await this.#readToken(tenant, answer.token);
        if (!isHeld) return { kind: "unknown" };
      } catch (error) {
        if (error instanceof SourceFault && error.isUnsupported) {
          this.#noDoorUntilMs = this.#keeper.time.nowMs + NO_DOOR_MS;
        }
        return await this.#readChunk(tenant).catch((fault: unknown) => {
          // What was wrong with the token says more than that the chunk could not be had either.
          throw error instanceof SourceFault ? fault : error;
        });
      }
    }
    return await this.#readChunk(tenant);
  }

  async #readToken(tenant: string, token: string): Promise<Learnt> {
    const payload = await this.#verified(token);
    const { sub, epoch, seq, entitlement, lock } = payload;
    if (sub !== tenant) throw new DimmerError("statement_untrusted", `sub: must be ${tenant}, is ${sub}`);
    const knownAtMs = msFromWire(payload.iat);
    const expiresMs = msFromWire(payload.exp);
    const { nowMs } = this.#keeper.time;
    if (expiresMs - knownAtMs > MAX_LIFE_MS) {
      throw new DimmerError("statement_malformed", "exp: must lie at most an hour behind iat");
    }
    if (nowMs >= expiresMs + TOLERANCE_MS) {
      throw new DimmerError("statement_expired", `exp: the token of ${tenant} has expired`);
    }
    if (knownAtMs > nowMs + TOLERANCE_MS) {
      throw new DimmerError("statement_untrusted", "iat: lies ahead; check the clocks", { retryable: true });
    }
    const known = { version: { epoch, seq }, knownAtMs, expiresMs };
    return { ...termsOf(entitlement), ...known, ...(lock !== undefined && { lock: lockFromWire(lock) }) };
  }

  /** A token under keys that are not held yet: the keysets are read again first. */
  async #verified(token: string): Promise<EntitlementTokenPayload> {
    const verify = async (): Promise<EntitlementTokenPayload> =>
      (await verifyTenantLean("dimmer-entitlement+jwt", token, this.#held.keys)).payload;
    try {
      return await verify();
    } catch (error) {
      if (!(error instanceof DimmerError && error.code === "statement_untrusted" && error.retryable)) throw error;
      await this.#keeper.refresh();
      return await verify();
    }
  }

  async #readChunk(tenant: string): Promise<Learnt> {
    this.chunkReads += 1;
    const held = this.#held;
    const index = await this.#readIndex(held);
    const digest = index.chunks[bucketOf(tenant, index.buckets)] as string;
    const line = lineOf(await this.#readLines(digest), tenant);
    if (line === undefined) return { kind: "unknown" };
    const entitlement = checkWireEntitlement(JSON.parse(line));
    const { epoch, seq } = index;
    const known = {
      version: { epoch, seq },
      knownAtMs: held.issuedMs,
      expiresMs: this.#keeper.time.nowMs + CHUNK_LIFE_MS,
      index: held.head.index,
    };
    return isTombstone(entitlement) ? { kind: "gone", ...known } : { ...termsOf(entitlement), ...known };
  }

  async #readIndex(held: Held): Promise<IndexPayload> {
    const { index: digest } = held.head;
    if (this.#index?.digest === digest) return this.#index.payload;
    const bytes = await this.#source.bytes("index", digest);
    await checkDigest("index", bytes, digest);
    const token = new TextDecoder().decode(bytes);
    const { payload } = await verifyTenantLean("dimmer-index+jwt", token, held.keys);
    this.#index = { digest, payload };
    return payload;
  }

  async #readLines(digest: string): Promise<string> {
    const known = this.#chunks.get(digest);
    if (known !== undefined) return known;
    const bytes = await this.#source.bytes("chunks", digest);
    await checkDigest("chunk", bytes, digest);
    const text = new TextDecoder().decode(bytes);
    this.#chunks.set(digest, text);
    return text;
  }

  get #held(): Held {
    const { held } = this.#keeper;
    if (held === undefined) throw new DimmerError("feed_unreachable", "no lock list is held yet", { retryable: true });
    return held;
  }
}

function termsOf(wire: WireEntitlement): { readonly kind: "terms"; readonly terms: Terms; readonly cases: string[] } {
  return { kind: "terms", terms: termsFromWire(wire), cases: casesFromWire(wire) };
}

/** The line of a tenant in a chunk, whose lines are canonical. */
function lineOf(lines: string, tenant: string): string | undefined {
  const prefix = `{"tenant":"${tenant}",`;
  const after = lines.indexOf(`\n${prefix}`);
  if (after === -1 && !lines.startsWith(prefix)) return undefined;
  const start = lines.startsWith(prefix) ? 0 : after + 1;
  return lines.slice(start, lines.indexOf("\n", start));
}

async function checkDigest(part: string, bytes: Uint8Array, named: string): Promise<void> {
  const digest = await sha256(bytes);
  if (digest !== named)
    throw new DimmerError("feed_refused", `${part}: has the digest ${digest}, but ${named} is named`);
}
