import { type KeysetChainOptions, verifyKeysetChainWith } from "./keyset-with.ts";
import { readPayload } from "./read-payload.ts";
import type { TrustedKeys } from "./verify-with.ts";

export type { KeysetChainOptions } from "./keyset-with.ts";

/**
 * Verifies a chain of keysets and returns the keys of the newest. It starts at the oldest keyset that its own root
 * signed, where that root is pinned, and walks up: each next one is signed by the root of the one before. What stands
 * before the start is held against form and order only, and nothing is taken from it.
 *
 * A keyset that introduces a root is signed by the root before it, so it is no start for somebody who pins the new one
 * alone: whoever held the old root could have written anything into it. To change the root, publish two keysets: one
 * by the old root that names the new one, and the same again by the new root.
 *
 * @param tokens oldest first, versions rising by one, up to the newest there is
 * @throws {TypeError} where the options are wrong
 * @throws {DimmerError} `statement_malformed` (form, order, a kid that is not its key's), `statement_untrusted` (no
 *   pinned root, signature, issuer, audience, fork), `statement_outdated` (ends below `highestSeen`), `keys_unreadable`
 */
export async function verifyKeysetChain(tokens: readonly string[], options: KeysetChainOptions): Promise<TrustedKeys> {
  return await verifyKeysetChainWith(readPayload, tokens, options);
}
