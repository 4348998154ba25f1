import {
  type Ask,
  type CompiledPolicy,
  type Decision,
  DimmerError,
  decide,
  type Entitlement,
  type FeatureDecision,
  type Lock,
  unknownNames,
} from "@dimmer/core";
import { BoundedMap } from "./bounded-map.ts";
import { entitlementFromWire, lockFromWire, msFromWire } from "./convert.ts";
import { digestOf, type TokenDigest } from "./digest.ts";
import { MAX_TOKEN_BYTES } from "./limits.ts";
import type { TrustedKeys, VerifiedStatement, VerifyOptions } from "./verify-with.ts";
import { compareVersions, formatVersion, type Version } from "./version.ts";
import type { EntitlementTokenPayload } from "./wire.ts";
import { show } from "./wire-values.ts";

/** What a token verifier rests on. */
export interface TokenVerifierOptions {
  /** The keys in force; `undefined` while no keyset is held: then every token is refused. */
  readonly keys: () => TrustedKeys | undefined;
  /** The policy in force. */
  readonly policy: () => CompiledPolicy;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  /**
   * How many verified tokens, and tenants with the newest version seen, are kept; 10,000 unless said, some 1 KB each.
   * Beyond it the ones not used for longest go: a token then costs a signature check again (0.25 ms), and an older
   * token of a tenant that was forgotten is accepted again until it expires.
   */
  readonly maxCached?: number;
  /**
   * What tokens are kept by; WebCrypto's SHA-256 unless said. On Node that waits for a thread pool at each call, some
   * 20 µs and more under load, so that a token presented again costs ten times what it could.
   */
  readonly digest?: TokenDigest;
}

/** What a presented token says about its `sub`. It grants nothing else to its bearer. */
export interface PresentedEntitlement {
  readonly tenant: string;
  readonly version: Version;
  readonly entitlement: Entitlement;
  readonly lock?: Lock;
  /** Digest of the policy statement under which it was issued. */
  readonly policyDigest: string;
  /** Unix milliseconds. */
  readonly issuedMs: number;
  /** Unix milliseconds. Answers rest on the token until 60 s later, and on the policy's `no_data` fallback from then. */
  readonly expiresMs: number;
  /** SHA-256 of the whole token. */
  readonly digest: string;
  /** Answers a question about the tenant by the definition of the decision. Never throws. */
  ask(ask: Ask): Decision | FeatureDecision;
}

/** Verifies entitlement tokens that somebody presents. */
export interface TokenVerifier {
  /**
   * Verifies a token that was presented: every rule of a statement, `exp` and `iat` with 60 s of tolerance, a life of
   * at most an hour, no name that the policy does not know, and no version older than one seen for the tenant.
   *
   * @throws {DimmerError} as `verifyStatement` does; `statement_expired`; `statement_outdated` for an older version;
   *   `entitlement_invalid` for names that the policy does not know
   */
  verify(token: string): Promise<PresentedEntitlement>;
}

interface TokenCache {
  readonly keys: TrustedKeys;
  readonly policy: CompiledPolicy;
  /** By the SHA-256 of the whole token. */
  readonly tokens: BoundedMap<string, PresentedEntitlement>;
}

const TYP = "dimmer-entitlement+jwt";
const TOLERANCE_MS = 60_000;
const MAX_LIFE_MS = 3_600_000;
const DEFAULT_MAX_CACHED = 10_000;

/** Verifies the signature and the form of an entitlement token. @throws {DimmerError} as `verifyStatement` does */
export type VerifyToken = (
  token: string,
  keys: TrustedKeys,
  options: VerifyOptions,
) => Promise<VerifiedStatement<EntitlementTokenPayload>>;

/**
 * Makes a verifier of presented tokens, over what verifies their form. It keeps what it has verified by the SHA-256 of the whole token, so that one
 * presented again costs microseconds; all of that is dropped when the keys or the policy change.
 *
 * @throws {TypeError} where `maxCached` is not a whole number from 1 on
 */
export function createTokenVerifierWith(verifyToken: VerifyToken, options: TokenVerifierOptions): TokenVerifier {
  const { maxCached = DEFAULT_MAX_CACHED, digest = digestOf } = options;
  if (!Number.isSafeInteger(maxCached) || maxCached < 1) {
    throw new TypeError(`maxCached: ${show(maxCached)} must be a whole number from 1 on`);
  }
  const newest = new BoundedMap<string, Version>(maxCached);
  let cache: TokenCache | undefined;

  /** What was verified under these keys and this policy, and under no others. */
  const cacheUnder = (keys: TrustedKeys, policy: CompiledPolicy): TokenCache["tokens"] => {
    if (cache?.keys !== keys || cache.policy !== policy) cache = { keys, policy, tokens: new BoundedMap(maxCached) };
    return cache.tokens;
  };

  const verify = async (token: string): Promise<PresentedEntitlement> => {
    const maxBytes = MAX_TOKEN_BYTES[TYP];
    if (typeof token !== "string" || token.length > maxBytes) {
      throw new DimmerError("statement_malformed", `token: must be a string of at most ${maxBytes} characters`);
    }
    const keys = options.keys();
    if (keys === undefined) {
      throw new DimmerError("statement_untrusted", "token: no keyset is held yet", { retryable: true });
    }
    const policy = options.policy();
    const tokens = cacheUnder(keys, policy);
    const pending = digest(token);
    const name = typeof pending === "string" ? pending : await pending;
    const known = tokens.get(name);
    if (known !== undefined) return seen(inTime(known));
    const { payload } = await verifyToken(token, keys, { digest: () => name });
    const presented = seen(inTime(presentedOf(payload, name, policy)));
    tokens.set(name, presented);
    return presented;
  };

  const inTime = (presented: PresentedEntitlement): PresentedEntitlement => {
    const nowMs = options.nowMs();
    const { issuedMs, expiresMs } = presented;
    if (nowMs >= expiresMs + TOLERANCE_MS) {
      throw new DimmerError(
        "statement_expired",
        `exp: the token expired ${Math.floor((nowMs - expiresMs) / 1000)} s ago`,
      );
    }
    if (issuedMs > nowMs + TOLERANCE_MS) {
      const aheadS = Math.ceil((issuedMs - nowMs) / 1000);
      throw new DimmerError("statement_untrusted", `iat: lies ${aheadS} s ahead; check the clocks`, {
        retryable: true,
      });
    }
    return presented;
  };

  const seen = (presented: PresentedEntitlement): PresentedEntitlement => {
    const { tenant, version } = presented;
    const before = newest.get(tenant);
    const order = before === undefined ? 1 : compareVersions(version, before);
    if (before !== undefined && order < 0) {
      throw new DimmerError(
        "statement_outdated",
        `token: has version ${formatVersion(version)}, but ${formatVersion(before)} was seen for ${tenant}`,
      );
    }
    if (order > 0) newest.set(tenant, version);
    return presented;
  };

  const presentedOf = (
    payload: EntitlementTokenPayload,
    name: string,
    policy: CompiledPolicy,
  ): PresentedEntitlement => {
    const { sub: tenant, epoch, seq } = payload;
    const issuedMs = msFromWire(payload.iat);
    const expiresMs = msFromWire(payload.exp);
    if (expiresMs - issuedMs > MAX_LIFE_MS) {
      throw new DimmerError("statement_malformed", "exp: must lie at most an hour behind iat");
    }
    const entitlement = entitlementFromWire(payload.entitlement);
    const unknown = unknownNames(policy, entitlement);
    if (unknown.length > 0) {
      throw new DimmerError("entitlement_invalid", `entitlement: names ${unknown.join(", ")}, unknown to the policy`);
    }
    const lock = payload.lock === undefined ? undefined : lockFromWire(payload.lock);
    return {
      tenant,
      version: { epoch, seq },
      entitlement,
      ...(lock === undefined ? {} : { lock }),
      policyDigest: payload.policy,
      issuedMs,
      expiresMs,
      digest: name,
      ask: (ask) => {
        const nowMs = options.nowMs();
        // A lock knows no clock: it stays after the token has expired.
        const state = { policy, held: nowMs < expiresMs + TOLERANCE_MS, terms: entitlement, lock };
        return decide(state, ask, { nowMs, horizonMs: Number.POSITIVE_INFINITY, freshness: "fresh" });
      },
    };
  };

  return { verify };
}
