import { createTokenVerifierWith, type TokenVerifier, type TokenVerifierOptions } from "./presented-with.ts";
import { verifyStatement } from "./verify.ts";

export type { PresentedEntitlement, TokenVerifier, TokenVerifierOptions } from "./presented-with.ts";

/**
 * Makes a verifier of presented tokens. It keeps what it has verified by the SHA-256 of the whole token, so that one
 * presented again costs microseconds; all of that is dropped when the keys or the policy change.
 *
 * @throws {TypeError} where `maxCached` is not a whole number from 1 on
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  return createTokenVerifierWith(
    (token, keys, more) => verifyStatement("dimmer-entitlement+jwt", token, keys, more),
    options,
  );
}
