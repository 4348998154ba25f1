import { DimmerError } from "@dimmer/core";
import type { IssuingKeys } from "@dimmer/feed/node";
import { type KeysetPayload, type Signer, signStatement, verifyKeysetChain } from "@dimmer/statement";
import { trustStringOf } from "@dimmer/statement/keys";
import type { Store } from "./store/open-store.ts";

const ROLES = ["policy", "locks", "feed"] as const;

/**
 * Makes sure that what this process is about to sign will be believed: signs keyset 1 where there is none and the root
 * key lies there, and otherwise finds each key in the newest keyset in its role.
 *
 * @returns the trust string that replicas pin: that of the first keyset's root
 * @throws {DimmerError} `keys_unreadable` where there is neither a keyset nor the root key, or the keys are not those of
 *   the keyset; `input_invalid` where issuer or audience are not
 */
export async function ensureKeyset(
  store: Store,
  keys: IssuingKeys,
  { iss, aud, nowMs }: { iss: string; aud: string; nowMs: number },
): Promise<string> {
  const stored = await readKeysets(store);
  if (stored.length === 0) await signFirst(store, keys, { iss, aud, nowMs });
  const tokens = stored.length > 0 ? stored : await readKeysets(store);
  const first = payloadOf(tokens[0] as string);
  const root = first.keys.find(({ role }) => role === "root");
  if (root === undefined) throw new DimmerError("keys_unreadable", "the first keyset of the store names no root key");
  const trust = await trustStringOf(root.jwk);
  const trusted = await verifyKeysetChain(tokens, { trust: [trust], audience: first.aud });
  if (trusted.iss !== iss || trusted.aud !== aud) {
    const was = `"${trusted.iss}" for "${trusted.aud}"`;
    throw new DimmerError(
      "input_invalid",
      `the feed is issued by ${was}, not by "${iss}" for "${aud}"; use another store`,
    );
  }
  for (const role of ROLES) {
    const { kid } = keys.signers[role];
    const known = trusted.find(kid);
    if (known?.role !== role || known.lastGood !== undefined) {
      const why = known?.lastGood === undefined ? "is not in the newest keyset" : "was revoked";
      throw new DimmerError(
        "keys_unreadable",
        `${role}.jwk (${kid}) ${why}: replicas would refuse what it signs; use the keys of the feed, or sign a keyset with it`,
      );
    }
  }
  return trust;
}

async function readKeysets(store: Store): Promise<string[]> {
  const rows = await store.db.selectFrom("keyset").select("token").orderBy("version").execute();
  return rows.map(({ token }) => token);
}

async function signFirst(
  store: Store,
  { signers, root }: IssuingKeys,
  { iss, aud, nowMs }: { iss: string; aud: string; nowMs: number },
): Promise<void> {
  if (root === undefined) {
    throw new DimmerError(
      "keys_unreadable",
      "the store has no keyset yet, and the root key that would sign the first is not there (or its passphrase is not); " +
        "give it for the first start, and take it away again",
    );
  }
  const named = { root, ...signers } satisfies Record<string, Signer>;
  const keys = (["root", ...ROLES] as const).map((role) => ({
    kid: named[role].kid,
    role,
    jwk: named[role].publicKey,
  }));
  const payload: KeysetPayload = { iss, aud, version: 1, keys, revocations: [] };
  const token = await signStatement("dimmer-keyset+jwt", payload, root);
  // Two processes may start at once: one of them writes it, with the same keys or not; the check that follows tells.
  await store.db
    .insertInto("keyset")
    .values({ version: 1, token, created_ms: nowMs })
    .onConflict((conflict) => conflict.column("version").doNothing())
    .execute();
}

/** What a keyset of the store says: its chain is verified next. */
function payloadOf(token: string): KeysetPayload {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as KeysetPayload;
}
