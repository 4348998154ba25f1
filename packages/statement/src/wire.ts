import type { FeatureValue, LockCause, PolicyDocument, RestrictionCause } from "@dimmer/core";
import type { Version } from "./version.ts";

/** The `typ` of every kind of statement. */
export type StatementType =
  | "dimmer-keyset+jwt"
  | "dimmer-policy+jwt"
  | "dimmer-locks+jwt"
  | "dimmer-index+jwt"
  | "dimmer-head+jwt"
  | "dimmer-delta+jwt"
  | "dimmer-entitlement+jwt";

/** What a key may sign. */
export type KeyRole = "root" | "policy" | "locks" | "feed";

/** Who signed and for whom: in every statement, and equal to what the keyset says. */
export interface Issued {
  readonly iss: string;
  /** The audience, a name such as `development` or `production-eu`. */
  readonly aud: string;
}

/** An Ed25519 public key as a JWK, published without `alg`. @see RFC 8037 */
export interface PublicJwk {
  readonly kty: "OKP";
  readonly crv: "Ed25519";
  /** 32 bytes as base64url: 43 characters. */
  readonly x: string;
}

/** An Ed25519 private key as a JWK. */
export interface PrivateJwk extends PublicJwk {
  /** 32 bytes as base64url: the secret. */
  readonly d: string;
}

/** A key of a keyset with its role. `kid` is the first 16 characters of the RFC 7638 thumbprint of `jwk`. */
export interface KeysetKey {
  readonly kid: string;
  readonly role: KeyRole;
  readonly jwk: PublicJwk;
}

/** What `kid` signed after version `lastGood` is refused. The key itself stays listed, so that earlier state holds. */
export interface Revocation {
  readonly kid: string;
  readonly lastGood: Version;
}

/** `dimmer-keyset+jwt`, signed by the root of the keyset before; the first one by its own. Exactly one root key. */
export interface KeysetPayload extends Issued {
  /** Rises by one. */
  readonly version: number;
  readonly keys: readonly KeysetKey[];
  readonly revocations: readonly Revocation[];
}

/** `dimmer-policy+jwt`: the whole policy document. Its shape is checked only roughly here: lint it before use. */
export interface PolicyPayload extends Issued {
  readonly policy: PolicyDocument;
}

/** A lock on the wire. */
export interface WireLock {
  readonly tenant: string;
  readonly cause: LockCause;
  readonly case: string;
  /** Unix seconds. */
  readonly since: number;
  readonly allow: readonly string[];
}

/** `dimmer-locks+jwt`: the full list, at most one lock a tenant. */
export interface LocksPayload extends Issued, Version {
  /** Unix seconds. */
  readonly iat: number;
  readonly locks: readonly WireLock[];
}

/** `dimmer-index+jwt`: the complete state as of a version, by the digests of its chunks. */
export interface IndexPayload extends Issued, Version {
  /** Digest of the policy statement. */
  readonly policy: string;
  /** A power of two from 16 on. */
  readonly buckets: number;
  /** Lines in all chunks together. */
  readonly count: number;
  /** Digest of the chunk of each bucket, in the order of the buckets. */
  readonly chunks: readonly string[];
}

/** `dimmer-head+jwt`: the newest version, by the digests of its parts. */
export interface HeadPayload extends Issued, Version {
  readonly index: string;
  readonly policy: string;
  readonly locks: Version & { readonly digest: string };
  /** Unix seconds. */
  readonly iat: number;
  /** Unix seconds, later than `iat`. The name is that of the wire. */
  readonly fresh_until: number;
}

/** `dimmer-delta+jwt`: what changed from version `base` to `seq` of one epoch. */
export interface DeltaPayload extends Issued, Version {
  readonly base: number;
  /** Digest of the policy statement in force. */
  readonly policy: string;
  readonly entitlements: readonly (WireEntitlement | WireTombstone)[];
}

/** `dimmer-entitlement+jwt`: one tenant's entitlement token. `sub` is its tenant, and that of entitlement and lock. */
export interface EntitlementTokenPayload extends Issued, Version {
  readonly sub: string;
  /** Unix seconds. */
  readonly iat: number;
  /** Unix seconds, later than `iat`. */
  readonly exp: number;
  /** Digest of the policy statement in force. */
  readonly policy: string;
  readonly entitlement: WireEntitlement;
  readonly lock?: WireLock;
}

/** A step on the wire. */
export interface WireStep {
  /** Unix seconds. */
  readonly at: number;
  readonly mode: string;
  readonly deny?: readonly string[];
}

/** An exception on the wire, in Unix seconds; `from` inclusive, `until` exclusive. */
export interface WireException {
  readonly floor: string;
  readonly from: number;
  readonly until: number;
}

/** A restriction on the wire: at least one step, strictly ascending. */
export interface WireRestriction {
  readonly cause: RestrictionCause;
  readonly case: string;
  readonly steps: readonly WireStep[];
  readonly exception?: WireException;
}

/** An entitlement on the wire: a line of a chunk. */
export interface WireEntitlement {
  readonly tenant: string;
  readonly plan: string;
  /** Overrides of the plan only. */
  readonly features?: Readonly<Record<string, FeatureValue>>;
  readonly restrictions?: readonly WireRestriction[];
}

/** The removal of a tenant: absence alone removes nobody. */
export interface WireTombstone {
  readonly tenant: string;
  /** Unix seconds. */
  readonly gone: number;
}

/** The payload of each kind. */
export interface PayloadByType {
  readonly "dimmer-keyset+jwt": KeysetPayload;
  readonly "dimmer-policy+jwt": PolicyPayload;
  readonly "dimmer-locks+jwt": LocksPayload;
  readonly "dimmer-index+jwt": IndexPayload;
  readonly "dimmer-head+jwt": HeadPayload;
  readonly "dimmer-delta+jwt": DeltaPayload;
  readonly "dimmer-entitlement+jwt": EntitlementTokenPayload;
}

/** The payload of one kind. */
export type PayloadOf<T extends StatementType> = PayloadByType[T];
