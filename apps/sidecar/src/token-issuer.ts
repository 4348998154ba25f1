import type { Replica } from "@dimmer/feed/follow";
import { entitlementToWire, lockToWire, type Signer, signStatement, type Version } from "@dimmer/statement";
import type { Counters } from "./counters.ts";

/** Tokens live five minutes, so that one which was lost says little for long. */
const LIFE_SECONDS = 300;
/** Tokens kept to be given again; the oldest goes first. About 2 KB each. */
const MAX_KEPT = 10_000;

/** What asking for a token gives: the token, that the tenant is not in the feed, or why there is none. */
export type IssuedToken =
  | { readonly token: string }
  /** `authority`: it does not answer. `door`: no source gives tokens. */
  | { readonly missing: "tenant" | "gone" | "generation" | "authority" | "door" }
  | { readonly untrusted: string };

/** Gives entitlement tokens. */
export interface TokenIssuer {
  issue(tenant: string): Promise<IssuedToken>;
}

interface Kept {
  readonly token: Promise<string>;
  readonly version: Version;
  readonly renewAtMs: number;
}

/**
 * Makes the issuer of a development sidecar, which holds the feed key itself. A token is given again until half its
 * life or until the feed changes. The key must be one that the feed's own keyset names: else nobody could verify what
 * it signs, and the caller hears so.
 */
export function createTokenIssuer(replica: Replica, signer: Signer, counters: Counters): TokenIssuer {
  const kept = new Map<string, Kept>();
  return {
    async issue(tenant) {
      const { version, keys } = replica;
      if (version === undefined || keys === undefined) return { missing: "generation" };
      const key = keys.find(signer.kid);
      if (key?.role !== "feed" || key.lastGood !== undefined) {
        return { untrusted: `the feed's keyset does not name the key ${signer.kid} as a feed key in force` };
      }
      const nowMs = replica.clockMs;
      const known = kept.get(tenant);
      if (known !== undefined && isSame(known.version, version) && nowMs < known.renewAtMs) {
        counters.tokensReused++;
        return { token: await known.token };
      }
      const { entitlement, lock } = replica.about(tenant);
      const policy = replica.status().policy;
      if (entitlement === undefined || policy === undefined) return { missing: "tenant" };
      const iat = Math.floor(nowMs / 1_000);
      const payload = {
        iss: keys.iss,
        aud: keys.aud,
        sub: tenant,
        epoch: version.epoch,
        seq: version.seq,
        iat,
        exp: iat + LIFE_SECONDS,
        policy,
        entitlement: entitlementToWire(entitlement),
        ...(lock === undefined ? {} : { lock: lockToWire(lock) }),
      };
      const token = signStatement("dimmer-entitlement+jwt", payload, signer);
      kept.delete(tenant);
      if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value as string);
      kept.set(tenant, { token, version, renewAtMs: nowMs + (LIFE_SECONDS / 2) * 1_000 });
      counters.tokensSigned++;
      try {
        return { token: await token };
      } catch (error) {
        kept.delete(tenant);
        throw error;
      }
    },
  };
}

function isSame(a: Version, b: Version): boolean {
  return a.epoch === b.epoch && a.seq === b.seq;
}
