import { DimmerError } from "@dimmer/core";
import type { IssuingKeys } from "@dimmer/feed/node";
import { type KeysetPayload, signStatement, verifyKeysetChain } from "@dimmer/statement";
import { trustStringOf } from "@dimmer/statement/keys";
import type { Transaction } from "kysely";
import { followKeyset, SIGNING_ROLES } from "./keys/follow-keyset.ts";
import { appliedKeyset, type KeyStanding, writeKeys } from "./keys/key-states.ts";
import { keysetOf } from "./keys/key-turn.ts";
import type { Store } from "./store/open-store.ts";
import type { Tables } from "./store/schema.ts";

/**
 * Makes sure that what this process is about to sign will be believed. An empty store gets the keysets that lie signed in
 * the key directory or, where there are none, keyset 1 by the root key that lies there. Which key signs is written down
 * then, and from there on changed by keysets alone.
 *
 * @returns the trust string that new replicas pin: that of the newest root
 * @throws {DimmerError} `keys_unreadable` where there is neither a keyset nor the root key, or the keys are not those of
 *   the keyset; `input_invalid` where issuer or audience are not
 */
export async function ensureKeyset(
  store: Store,
  keys: IssuingKeys,
  { iss, aud, nowMs }: { iss: string; aud: string; nowMs: number },
): Promise<string> {
  const stored = await readKeysets(store);
  if (stored.length === 0) await keepFirst(store, keys, { iss, aud, nowMs });
  const tokens = stored.length > 0 ? stored : await readKeysets(store);
  const first = keysetOf(tokens[0] as string);
  const trusted = await verifyKeysetChain(tokens, { trust: [await rootTrust(first)], audience: first.aud });
  if (trusted.iss !== iss || trusted.aud !== aud) {
    const was = `"${trusted.iss}" for "${trusted.aud}"`;
    throw new DimmerError(
      "input_invalid",
      `the feed is issued by ${was}, not by "${iss}" for "${aud}"; use another store`,
    );
  }
  await store.transact((queries) => keepFirstKeys(queries, tokens, { keys, nowMs }));
  return await rootTrust(keysetOf(tokens.at(-1) as string));
}

/** The trust string of the root that a keyset names. */
export async function rootTrust({ keys, version }: KeysetPayload): Promise<string> {
  const root = keys.find(({ role }) => role === "root");
  if (root === undefined) throw new DimmerError("keys_unreadable", `keyset ${version} of the store names no root key`);
  return await trustStringOf(root.jwk);
}

async function readKeysets(store: Store): Promise<string[]> {
  const rows = await store.db.selectFrom("keyset").select("token").orderBy("version").execute();
  return rows.map(({ token }) => token);
}

async function keepFirst(
  store: Store,
  keys: IssuingKeys,
  { iss, aud, nowMs }: { iss: string; aud: string; nowMs: number },
): Promise<void> {
  const tokens = keys.keysets.length > 0 ? keys.keysets : [await signFirst(keys, { iss, aud })];
  for (const token of tokens) {
    // Two processes may start at once: one of them writes it, with the same keys or not; the checks that follow tell.
    await store.db
      .insertInto("keyset")
      .values({ version: keysetOf(token).version, token, created_ms: nowMs })
      .onConflict((conflict) => conflict.column("version").doNothing())
      .execute();
  }
}

async function signFirst({ signers, root }: IssuingKeys, { iss, aud }: { iss: string; aud: string }): Promise<string> {
  if (root === undefined) {
    throw new DimmerError(
      "keys_unreadable",
      "the store has no keyset yet, and neither a signed one (keysets/000001.jws) nor the root key that would sign the " +
        "first is in the key directory (or its passphrase is not given); give it for the first start, and take it away again",
    );
  }
  const named = { root, ...signers };
  const keys = (["root", ...SIGNING_ROLES] as const).map((role) => ({
    kid: named[role].kid,
    role,
    jwk: named[role].publicKey,
  }));
  return await signStatement("dimmer-keyset+jwt", { iss, aud, version: 1, keys, revocations: [] }, root);
}

/** Writes down which keys sign where that was never done: those that have the place of their role in the directory. */
async function keepFirstKeys(
  queries: Transaction<Tables>,
  tokens: readonly string[],
  { keys: { signers }, nowMs }: { readonly keys: IssuingKeys; readonly nowMs: number },
): Promise<void> {
  if ((await appliedKeyset(queries)) > 0) return;
  const moment = { nowMs, signed: { epoch: 0, seq: 0 }, overlapMs: 0 };
  const newest = keysetOf(tokens.at(-1) as string);
  const first: KeyStanding[] = [];
  for (const role of SIGNING_ROLES) {
    const { kid } = signers[role];
    const isListed = newest.keys.some((key) => key.kid === kid && key.role === role);
    const isRevoked = newest.revocations.some((revocation) => revocation.kid === kid);
    if (!isListed || isRevoked) {
      const why = isRevoked ? "was revoked" : "is not in the newest keyset";
      throw new DimmerError(
        "keys_unreadable",
        `${role}.jwk (${kid}) ${why}: replicas would refuse what it signs; use the keys of the feed, or sign a keyset with it`,
      );
    }
    first.push({ kid, role, state: "signing", sinceMs: nowMs });
  }
  await writeKeys(queries, followKeyset(first, newest, moment), newest.version);
}
