import { randomUUID } from "node:crypto";
import { DimmerError } from "@dimmer/core";
import type { Actor } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import type { Store } from "../store/open-store.ts";
import { keysetOf } from "./key-turn.ts";
import { isKeyset, offerKeysets } from "./offer-keysets.ts";
import type { SigningRing } from "./signing-ring.ts";

/** What a start brings along. */
export interface BringKeysetsOptions {
  /** Those of the key directory, oldest first. */
  readonly keysets: readonly string[];
  readonly ring: SigningRing;
  readonly nowMs: number;
}

/**
 * Offers the store the keysets of the key directory that follow its newest, as `POST /v1/keysets` does: so that new keys
 * that the root signed come into force where nothing runs that could be asked. Those that the store has, or has left
 * behind, are passed over.
 *
 * @returns the versions that were new
 * @throws {DimmerError} `keys_unreadable` where they do not follow, or would break the feed
 */
export async function bringKeysets(store: Store, options: BringKeysetsOptions): Promise<readonly number[]> {
  const { keysets, ring, nowMs } = options;
  const reason = "the key directory holds a newer keyset";
  const actor: Actor = { id: "start", role: "admin", reason, correlationId: `cor_${randomUUID()}` };
  return await store.transact(async (queries) => {
    const known = [
      ...(await queries.selectFrom("keyset").select("version").execute()),
      ...(await queries.selectFrom("keyset_offer").select("version").execute()),
    ];
    const newest = Math.max(...known.map(({ version }) => version));
    const fresh = keysets.filter((token) => isKeyset(token) && keysetOf(token).version > newest);
    if (fresh.length === 0) return [];
    const { versions } = await offerKeysets({ queries, actor, nowMs, ring }, fresh).catch((cause: unknown) => {
      if (!(cause instanceof Fault)) throw cause;
      throw new DimmerError("keys_unreadable", `keysets of the key directory: ${cause.message}`, { cause });
    });
    return versions;
  }, "serializable");
}
