import { DimmerError } from "@dimmer/core";
import { inspectStatement, type Signer, type TrustedKeys, verifyKeysetChain } from "@dimmer/statement";
import { trustStringOf } from "@dimmer/statement/keys";
import type { Issuing } from "../sequencer/publish.ts";
import type { Queries } from "../store/open-store.ts";

/** Whose feed a store holds. */
export interface FeedOfStore {
  readonly iss: string;
  readonly aud: string;
  /** `SHA256:` + thumbprint of the first root key. */
  readonly trust: string;
  readonly keysets: readonly string[];
  readonly keys: TrustedKeys;
}

/** The keys that sign without the root. */
export type IssuingSigners = Issuing["signers"];

/**
 * Reads whose feed a store holds, by the keysets in it, and verifies their chain.
 *
 * @throws {DimmerError} `input_invalid` where it holds none; what `verifyKeysetChain` throws
 */
export async function feedOfStore(queries: Queries): Promise<FeedOfStore> {
  const rows = await queries.selectFrom("keyset").select("token").orderBy("version").execute();
  const keysets = rows.map(({ token }) => token);
  return await feedOfKeysets(keysets);
}

/** Reads whose feed some keysets are for, oldest first. @throws {DimmerError} as `feedOfStore` */
export async function feedOfKeysets(keysets: readonly string[]): Promise<FeedOfStore> {
  const first = keysets[0] === undefined ? undefined : inspectStatement(keysets[0]);
  if (first?.typ !== "dimmer-keyset+jwt") {
    throw new DimmerError("input_invalid", "there is no keyset: nothing was ever published");
  }
  const { iss, aud } = first.payload;
  const root = first.payload.keys.find(({ role }) => role === "root");
  if (root === undefined) throw new DimmerError("input_invalid", "the first keyset names no root key");
  const trust = await trustStringOf(root.jwk);
  const keys = await verifyKeysetChain(keysets, { trust: [trust], audience: aud });
  return { iss, aud, trust, keysets, keys };
}

/**
 * Refuses keys that replicas would not believe: those that are not in the newest keyset in their role, or were revoked.
 *
 * @throws {DimmerError} `keys_unreadable`
 */
export function requireKnown(signers: Readonly<Record<"policy" | "locks" | "feed", Signer>>, keys: TrustedKeys): void {
  for (const role of ["policy", "locks", "feed"] as const) {
    const { kid } = signers[role];
    const known = keys.find(kid);
    if (known?.role === role && known.lastGood === undefined) continue;
    const why = known?.lastGood === undefined ? "is not in the newest keyset" : "was revoked";
    throw new DimmerError("keys_unreadable", `${role}.jwk (${kid}) ${why}: replicas would refuse what it signs`);
  }
}

/**
 * The keysets of a store and of the feed that was published last, which may have gone further. One must continue the
 * other.
 *
 * @throws {DimmerError} `feed_refused` where they part
 */
export function joinKeysets(held: readonly string[], published: readonly string[]): readonly string[] {
  const parted = held.findIndex((token, i) => i < published.length && token !== published[i]);
  if (parted !== -1) {
    throw new DimmerError(
      "feed_refused",
      `keyset ${parted + 1} is another in the feed that was published than in the store: they are not one feed`,
    );
  }
  return published.length > held.length ? published : held;
}
