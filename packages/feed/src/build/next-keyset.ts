import { DimmerError } from "@dimmer/core";
import { type KeysetPayload, type Revocation, signStatement } from "@dimmer/statement";
import type { FeedSigners } from "./feed-signers.ts";
import { followingKeyset, keysetKeyOf, mergeRevocations } from "./keyset-changes.ts";

/** The keysets that a build follows. */
export interface PreviousKeysets {
  /** Verified tokens, oldest first. */
  readonly keysets: readonly string[];
  /** What the newest of them says. */
  readonly keyset: KeysetPayload;
}

/** What the newest keyset is to say. */
export interface WantedKeyset {
  readonly signers: FeedSigners;
  readonly iss: string;
  readonly aud: string;
  /** Added to those that are published already. */
  readonly revocations?: readonly Revocation[];
}

/**
 * The keysets of a feed, oldest first: those that are published while they say what is wanted, and one more where keys
 * or revocations changed. A key stays listed until it is revoked, and after: what a replica holds was signed by it. Does
 * not change the root: `signRootChange` does.
 *
 * @throws {DimmerError} `keys_unreadable` where the root key is another than that of the keysets, or a key that is to sign
 *   is revoked; `input_invalid` where issuer or audience are others
 */
export async function nextKeysets(wanted: WantedKeyset, previous: PreviousKeysets | undefined): Promise<string[]> {
  const { signers, iss, aud } = wanted;
  const added = wanted.revocations ?? [];
  const revocations = mergeRevocations(previous?.keyset.revocations ?? [], added);
  refuseRevoked(signers, revocations);
  const keys = (["root", "policy", "locks", "feed"] as const).map((role) => keysetKeyOf(role, signers[role]));
  if (previous === undefined) {
    const first: KeysetPayload = { iss, aud, version: 1, keys, revocations };
    return [await signStatement("dimmer-keyset+jwt", first, signers.root)];
  }
  const { keyset, keysets } = previous;
  if (keyset.iss !== iss || keyset.aud !== aud) {
    const was = `"${keyset.iss}" for "${keyset.aud}"`;
    throw new DimmerError(
      "input_invalid",
      `the feed is issued by ${was}, not by "${iss}" for "${aud}"; use another directory`,
    );
  }
  const root = keyset.keys.find(({ role }) => role === "root")?.kid;
  if (root !== signers.root.kid) {
    throw new DimmerError(
      "keys_unreadable",
      `the feed's root key is ${root}, not ${signers.root.kid}; use the keys of the feed, or change its root with \`dimmer keys rotate root\``,
    );
  }
  const isKnown = keys.every(({ kid }) => keyset.keys.some((key) => key.kid === kid));
  if (isKnown && JSON.stringify(keyset.revocations) === JSON.stringify(revocations)) return [...keysets];
  const next = followingKeyset(keyset, { add: keys, revocations: added });
  return [...keysets, await signStatement("dimmer-keyset+jwt", next, signers.root)];
}

/** What a revoked key signs from now on, every replica refuses: that is to be heard here, before it is published. */
function refuseRevoked(signers: FeedSigners, revocations: readonly Revocation[]): void {
  for (const role of ["policy", "locks", "feed"] as const) {
    const { kid } = signers[role];
    if (!revocations.some((revocation) => revocation.kid === kid)) continue;
    throw new DimmerError("keys_unreadable", `the ${role} key ${kid} is revoked; sign with a new ${role} key`);
  }
}
