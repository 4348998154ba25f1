import { readPayload } from "./read-payload.ts";
import { type TrustedKeys, type VerifiedStatement, type VerifyOptions, verifyWith } from "./verify-with.ts";
import type { PayloadOf, StatementType } from "./wire.ts";

export type { TrustedKey, TrustedKeys, VerifiedStatement, VerifyOptions } from "./verify-with.ts";

/**
 * Verifies a statement by every rule there is but those of time and order: form, kind, key and role, signature, payload,
 * issuer and audience, revocation. Cheap checks go first, and no byte of the payload is read before its signature is
 * good. About the cost of one Ed25519 verification (some 0.25 ms), so once at intake and never on the path of a decision.
 * It does not look at `exp`, `iat` or `fresh_until`, and does not know what was seen before.
 *
 * @param typ the kind expected; a good statement of another kind is refused
 * @throws {DimmerError} `statement_malformed` (form, kind or payload), `statement_untrusted` (key, role, signature,
 *   issuer, audience), `statement_outdated` (signed by a revoked key after its last good version)
 */
export async function verifyStatement<T extends StatementType>(
  typ: T,
  token: string,
  keys: TrustedKeys,
  options: VerifyOptions = {},
): Promise<VerifiedStatement<PayloadOf<T>>> {
  return await verifyWith<T>(readPayload, typ, token, keys, options);
}
