import { DimmerError } from "@dimmer/core";
import {
  checkWireEntitlement,
  inspectStatement,
  isTombstone,
  type Signer,
  secondsToWire,
  signStatement,
  type Version,
  type WireEntitlement,
  type WireLock,
} from "@dimmer/statement";
import type { FeedSource } from "../follow/ports.ts";
import { bucketOf } from "./bucket.ts";
import { tenantOfLine } from "./feed-lines.ts";
import { readVerifiedChunk, readVerifiedHead, readVerifiedKeysets, readVerifiedPart } from "./generation.ts";

/** How long a token lives unless said: as short as a payment may take to show. */
export const DEFAULT_TOKEN_TTL_MS = 300_000;
/** How long a token lives at most; verifiers refuse longer lives. */
export const MAX_TOKEN_TTL_MS = 3_600_000;
const MIN_TOKEN_TTL_MS = 1_000;

/** What an entitlement token says. */
export interface EntitlementTokenInput {
  readonly entitlement: WireEntitlement;
  /** The tenant's lock, if it has one: a token that leaves it out opens what is locked. */
  readonly lock?: WireLock;
  /** Version of the feed that the entitlement was read at. */
  readonly version: Version;
  /** Digest of the policy statement in force. */
  readonly policy: string;
  readonly iss: string;
  readonly aud: string;
  /** The feed key. */
  readonly signer: Signer;
  /** Milliseconds that the token lives, from 1,000 to 3,600,000. Default 300,000. */
  readonly ttlMs?: number;
  /** Unix milliseconds. */
  readonly nowMs: number;
}

/**
 * Signs the entitlement token of one tenant, to be handed to who has no feed. It grants its bearer nothing but the
 * answer about that tenant, until it expires. Some 0.3 ms.
 *
 * @throws {TypeError} where `ttlMs` is out of bounds
 * @throws {DimmerError} `statement_malformed` where the entitlement is ill-formed or too large for a token
 */
export async function signEntitlementToken(input: EntitlementTokenInput): Promise<string> {
  const { entitlement, lock, version, policy, iss, aud, signer, ttlMs = DEFAULT_TOKEN_TTL_MS, nowMs } = input;
  if (!(ttlMs >= MIN_TOKEN_TTL_MS && ttlMs <= MAX_TOKEN_TTL_MS)) {
    throw new TypeError(`ttlMs: must be from ${MIN_TOKEN_TTL_MS} to ${MAX_TOKEN_TTL_MS} milliseconds, is ${ttlMs}`);
  }
  const iat = secondsToWire(nowMs);
  const { epoch, seq } = version;
  const payload = {
    iss,
    aud,
    sub: entitlement.tenant,
    epoch,
    seq,
    iat,
    exp: iat + secondsToWire(ttlMs),
    policy,
    entitlement,
  };
  return await signStatement("dimmer-entitlement+jwt", lock === undefined ? payload : { ...payload, lock }, signer);
}

/** Where the entitlement of a token is read. */
export interface TokenFromFeedInput extends Pick<EntitlementTokenInput, "signer" | "ttlMs" | "nowMs"> {
  readonly tenant: string;
  readonly source: FeedSource;
  /** Root keys, `SHA256:` + thumbprint. */
  readonly trust: readonly string[];
  /** Default: what the newest keyset says, once it is verified. */
  readonly audience?: string;
}

/**
 * Signs the token of a tenant of a feed, which is read (one chunk of it) and verified for the call. `undefined` where
 * the feed has no entitlement of that tenant.
 *
 * @throws {DimmerError} where the feed does not verify; `keys_unreadable` where the signer is not the feed's
 */
export async function signTokenFromFeed(input: TokenFromFeedInput): Promise<string | undefined> {
  const { tenant, source, trust, signer, nowMs } = input;
  const audience = input.audience ?? (await audienceOf(source));
  const { keys } = await readVerifiedKeysets(source, { trust, audience });
  if (keys.find(signer.kid)?.role !== "feed") {
    throw new DimmerError(
      "keys_unreadable",
      `the feed does not know the feed key ${signer.kid}; use the keys of the feed`,
    );
  }
  const head = await readVerifiedHead(source, keys);
  const { payload: index } = await readVerifiedPart(source, "index", { digest: head.index, head, keys });
  const { payload: list } = await readVerifiedPart(source, "locks", { digest: head.locks.digest, head, keys });
  const chunk = await readVerifiedChunk(source, index.chunks[bucketOf(tenant, index.buckets)] as string);
  const line = new TextDecoder()
    .decode(chunk)
    .split("\n")
    .find((text) => tenantOfLine(text) === tenant);
  const entitlement = line === undefined || line === "" ? undefined : checkWireEntitlement(JSON.parse(line));
  if (entitlement === undefined || isTombstone(entitlement)) return undefined;
  const lock = list.locks.find((item) => item.tenant === tenant);
  return await signEntitlementToken({
    entitlement,
    ...(lock === undefined ? {} : { lock }),
    version: head,
    policy: head.policy,
    iss: keys.iss,
    aud: keys.aud,
    signer,
    nowMs,
    ...(input.ttlMs === undefined ? {} : { ttlMs: input.ttlMs }),
  });
}

async function audienceOf(source: FeedSource): Promise<string> {
  const newest = inspectStatement((await source.keysets()).at(-1) ?? "");
  if (newest.typ !== "dimmer-keyset+jwt") throw new DimmerError("statement_malformed", `${source.name}: has no keyset`);
  return newest.payload.aud;
}
