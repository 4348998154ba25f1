import { DimmerError } from "@dimmer/core";
import {
  compareVersions,
  type KeysetKey,
  type KeysetPayload,
  type Revocation,
  type Signer,
  signStatement,
} from "@dimmer/statement";

/** What the next keyset says beyond the one before. */
export interface KeysetChange {
  /** Keys that replicas are to know from now on. */
  readonly add?: readonly KeysetKey[];
  /** Keys that retire, or are revoked: what each signed after its last good version is refused. */
  readonly revocations?: readonly Revocation[];
}

/** A keyset has room for 64 keys; the oldest that are revoked make room for new ones from here on. */
const MAX_LISTED = 48;

/** The entry of a signer in a keyset. Never throws. */
export function keysetKeyOf(role: KeysetKey["role"], { kid, publicKey }: Signer): KeysetKey {
  return { kid, role, jwk: publicKey };
}

/**
 * What the keyset after `keyset` says: its keys and those added, its revocations and the new ones. A key stays listed
 * when it is revoked, so that what it signed well holds; a revocation only ever gets stricter. Past 48 keys those that
 * were revoked first are left out: nothing that they signed verifies from then on. Signs nothing. Never throws.
 */
export function followingKeyset(keyset: KeysetPayload, { add = [], revocations = [] }: KeysetChange): KeysetPayload {
  const { iss, aud, version } = keyset;
  const listed = [...keyset.keys, ...add.filter(({ kid }) => !keyset.keys.some((key) => key.kid === kid))];
  const revoked = mergeRevocations(keyset.revocations, revocations);
  const excess = new Set(
    revoked
      .slice(0, Math.max(0, listed.length - MAX_LISTED))
      .map(({ kid }) => kid)
      .filter((kid) => !revocations.some((revocation) => revocation.kid === kid)),
  );
  return {
    iss,
    aud,
    version: version + 1,
    keys: listed.filter(({ kid }) => !excess.has(kid)),
    revocations: revoked.filter(({ kid }) => !excess.has(kid)),
  };
}

/** Both lists as one, in the order in which keys were revoked; of two versions for one key the older holds. */
export function mergeRevocations(before: readonly Revocation[], added: readonly Revocation[]): Revocation[] {
  const merged = new Map(before.map(({ kid, lastGood }) => [kid, lastGood]));
  for (const { kid, lastGood } of added) {
    const known = merged.get(kid);
    if (known === undefined || compareVersions(lastGood, known) < 0) merged.set(kid, lastGood);
  }
  return [...merged].map(([kid, lastGood]) => ({ kid, lastGood }));
}

/**
 * Signs the keyset after `keyset`.
 *
 * @throws {DimmerError} `keys_unreadable` where `root` is not the root of `keyset`; `input_invalid` where a key that is to
 *   be revoked is none of it, or is its root
 */
export async function signNextKeyset(keyset: KeysetPayload, change: KeysetChange, root: Signer): Promise<string> {
  requireRoot(keyset, root);
  const next = followingKeyset(keyset, change);
  for (const { kid } of change.revocations ?? []) {
    const key = next.keys.find((candidate) => candidate.kid === kid);
    if (key === undefined) throw new DimmerError("input_invalid", `${kid} is no key of keyset ${keyset.version}`);
    if (key.role === "root") {
      throw new DimmerError("input_invalid", `${kid} is the root key: it is not revoked but rotated`);
    }
  }
  return await signStatement("dimmer-keyset+jwt", next, root);
}

/**
 * Signs the two keysets that change the root: one by the old root that names the new one, for those who pin the old
 * root, and the same again by the new root, where those who pin the new one start.
 *
 * @throws {DimmerError} `keys_unreadable` where `root` is not the root of `keyset`
 */
export async function signRootChange(
  keyset: KeysetPayload,
  { root, newRoot }: { readonly root: Signer; readonly newRoot: Signer },
): Promise<readonly [string, string]> {
  requireRoot(keyset, root);
  const others = keyset.keys.filter(({ role }) => role !== "root");
  const introducing = {
    ...followingKeyset(keyset, {}),
    keys: [keysetKeyOf("root", newRoot), ...others],
  };
  return [
    await signStatement("dimmer-keyset+jwt", introducing, root),
    await signStatement("dimmer-keyset+jwt", { ...introducing, version: introducing.version + 1 }, newRoot),
  ];
}

function requireRoot(keyset: KeysetPayload, root: Signer): void {
  const wanted = keyset.keys.find(({ role }) => role === "root")?.kid;
  if (wanted === root.kid) return;
  throw new DimmerError(
    "keys_unreadable",
    `the root key of keyset ${keyset.version} is ${wanted}, not ${root.kid}; give the root key of the feed`,
  );
}
