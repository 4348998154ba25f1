import { DimmerError } from "@dimmer/core";
import { compactVerify } from "jose";
import { digestOf, type TokenDigest } from "./digest.ts";
import { MAX_TOKEN_BYTES } from "./limits.ts";
import { splitToken } from "./token.ts";
import { compareVersions, formatVersion, type Version } from "./version.ts";
import type { KeyRole, PayloadOf, StatementType } from "./wire.ts";
import { show } from "./wire-values.ts";

/** A key that may be verified with. */
export interface TrustedKey {
  readonly role: KeyRole;
  readonly key: CryptoKey;
  /** Where the key is revoked: the last version that it signed well. */
  readonly lastGood?: Version;
}

/** The keys of the newest verified keyset. */
export interface TrustedKeys {
  readonly iss: string;
  readonly aud: string;
  /** Version of the keyset. */
  readonly version: number;
  /** Digest of the keyset. */
  readonly digest: string;
  readonly rootKid: string;
  find(kid: string): TrustedKey | undefined;
}

/** What came through. `payload` holds no field that the wire does not know, but for the policy document. */
export interface VerifiedStatement<P> {
  readonly payload: P;
  readonly kid: string;
  /** Digest of the statement: of the exact bytes of its token. */
  readonly digest: string;
}

/** How to verify. */
export interface VerifyOptions {
  /** Bytes of the token at most; the bound of the kind where it is lower or nothing is given. */
  readonly maxBytes?: number;
  /**
   * The version of the statement that names this one by digest. A policy statement has no version of its own: one
   * signed by a revoked key is refused unless this is given and not above the key's last good version.
   */
  readonly namedAt?: Version;
  /**
   * How to work out the digest of the token; WebCrypto unless said, which on Node adds 15 to 50 µs of waiting. Where the
   * digest is known already, such as of a part that was held against the one that names it, return that.
   */
  readonly digest?: TokenDigest;
  /** Called when the signature is about to be checked, the first costly step: for counting. */
  readonly onSignature?: () => void;
}

/** What a role may sign. A key of one role never stands in for another. */
const ROLE_OF: Readonly<Record<StatementType, KeyRole>> = {
  "dimmer-keyset+jwt": "root",
  "dimmer-policy+jwt": "policy",
  "dimmer-locks+jwt": "locks",
  "dimmer-index+jwt": "feed",
  "dimmer-head+jwt": "feed",
  "dimmer-delta+jwt": "feed",
  "dimmer-entitlement+jwt": "feed",
};

const ALGORITHMS = ["Ed25519", "EdDSA"];

/** Reads the payload of one of the kinds `T`. @throws {DimmerError} `statement_malformed` */
export type PayloadReader<T extends StatementType> = <K extends T>(typ: K, bytes: Uint8Array) => PayloadOf<K>;

/** `verifyStatement` with the payload read by `read`: one that reads few kinds takes little room in a bundle. */
export async function verifyWith<T extends StatementType>(
  read: PayloadReader<T>,
  typ: T,
  token: string,
  keys: TrustedKeys,
  options: VerifyOptions = {},
): Promise<VerifiedStatement<PayloadOf<T>>> {
  const parts = splitToken(token, Math.min(options.maxBytes ?? MAX_TOKEN_BYTES[typ], MAX_TOKEN_BYTES[typ]));
  if (parts.typ !== typ) {
    throw new DimmerError("statement_malformed", `header.typ: must be "${typ}", is ${show(parts.typ)}`);
  }
  const trusted = keys.find(parts.kid);
  if (trusted === undefined) {
    return distrust(`header.kid: ${show(parts.kid)} is no key of keyset ${keys.version}`, { isRetryable: true });
  }
  if (trusted.role !== ROLE_OF[typ]) {
    return distrust(`header.kid: ${parts.kid} has the role ${trusted.role} and may not sign ${typ}`);
  }
  options.onSignature?.();
  // Where hashing is asynchronous it starts first, so that the signature hides it.
  const [digest, bytes] = await Promise.all([(options.digest ?? digestOf)(token), verifySignature(token, trusted.key)]);
  const payload = read(typ, bytes);
  if (payload.iss !== keys.iss) return distrust(`iss: must be ${show(keys.iss)}, is ${show(payload.iss)}`);
  if (payload.aud !== keys.aud) return distrust(`aud: must be ${show(keys.aud)}, is ${show(payload.aud)}`);
  checkRevocation(parts.kid, trusted, versionOf(payload) ?? options.namedAt);
  return { payload, kid: parts.kid, digest };
}

/** Checks the signature of a token whose form is good, and returns the bytes of its payload. */
export async function verifySignature(token: string, key: CryptoKey): Promise<Uint8Array> {
  try {
    return (await compactVerify(token, key, { algorithms: ALGORITHMS })).payload;
  } catch (cause) {
    return distrust("signature: does not fit", { cause });
  }
}

function versionOf(payload: object): Version | undefined {
  return "epoch" in payload && "seq" in payload ? (payload as Version) : undefined;
}

function checkRevocation(kid: string, { lastGood }: TrustedKey, signed: Version | undefined): void {
  if (lastGood === undefined || (signed !== undefined && compareVersions(signed, lastGood) <= 0)) return;
  const what = signed === undefined ? "a statement without a version" : `version ${formatVersion(signed)}`;
  throw new DimmerError(
    "statement_outdated",
    `header.kid: ${kid} is revoked after version ${formatVersion(lastGood)} and signed ${what}`,
  );
}

function distrust(
  message: string,
  { cause, isRetryable = false }: { cause?: unknown; isRetryable?: boolean } = {},
): never {
  throw new DimmerError("statement_untrusted", message, { cause, retryable: isRetryable });
}
