import { randomUUID } from "node:crypto";
import { DimmerError } from "@dimmer/core";
import { compareVersions, formatVersion, type Version, type WireLock } from "@dimmer/statement";
import type { Transaction } from "kysely";
import type { Actor } from "../changes/actor.ts";
import { followKeyset } from "../keys/follow-keyset.ts";
import { appliedKeyset, type KeyStanding, readKeys } from "../keys/key-states.ts";
import { keysetOf } from "../keys/key-turn.ts";
import { SigningRing } from "../keys/signing-ring.ts";
import { raiseEpoch } from "../sequencer/raise-epoch.ts";
import type { Store } from "../store/open-store.ts";
import type { Tables } from "../store/schema.ts";
import { feedOfStore, type IssuingSigners, joinKeysets, requireKnown } from "./feed-of-store.ts";
import { compareLocks, takeOverLocks } from "./lost-locks.ts";
import type { PublishedFeed } from "./published-feed.ts";

/** How a new epoch begins on a store that may lack what was published. */
export interface BeginEpoch {
  /** Given the ring of a key directory, the keys that the store names sign, as they do in an authority. */
  readonly signers: IssuingSigners;
  readonly nowMs: number;
  /** For the ledger. */
  readonly reason: string;
  /** What was published last. Left out only where nothing can be lost, or with `isAcceptingLostLocks`. */
  readonly published?: PublishedFeed | undefined;
  /** Starts from the locks of the store alone: published ones that it lacks are lifted. */
  readonly isAcceptingLostLocks?: boolean;
  readonly epoch?: number | undefined;
}

/** What a new epoch began with. */
export interface BegunEpoch {
  readonly from: Version;
  readonly to: Version;
  /** The published version that was found; `undefined` where none was looked for. */
  readonly published?: Version;
  /** Published locks that the store lacked: taken over, or lifted where that was accepted. */
  readonly lost: readonly WireLock[];
  /** Locks of the store that were lifted after it was written: they lock again. */
  readonly back: readonly WireLock[];
  readonly isLifting: boolean;
}

/**
 * Brings locks and keysets of what was published last into the store, and raises the epoch then, all within the caller's
 * transaction.
 *
 * @throws {DimmerError} `feed_refused` where what was published is older than the store or of another feed;
 *   `keys_unreadable` for keys that replicas would refuse; what `raiseEpoch` throws
 */
export async function beginEpoch(
  store: Store,
  queries: Transaction<Tables>,
  { signers: given, nowMs, reason, published, isAcceptingLostLocks = false, epoch }: BeginEpoch,
): Promise<BegunEpoch> {
  const actor: Actor = { id: "operator", role: "admin", reason, correlationId: `cor_${randomUUID()}` };
  const feed = await feedOfStore(queries);
  const keysets = joinKeysets(feed.keysets, published?.keysets ?? []);
  for (const [i, token] of keysets.entries()) {
    if (i < feed.keysets.length) continue;
    await queries
      .insertInto("keyset")
      .values({ version: i + 1, token, created_ms: nowMs })
      .execute();
  }
  const { keys } = keysets.length > feed.keysets.length ? await feedOfStore(queries) : feed;
  const signers = await signersNow(given, queries, { keysets, nowMs });
  requireKnown(signers, keys);
  const difference = published === undefined ? NO_DIFFERENCE : await differenceTo(queries, published);
  if (!isAcceptingLostLocks) await takeOverLocks({ queries, actor, nowMs }, difference.lost);
  const issuing = { signers, iss: feed.iss, aud: feed.aud, freshForMs: FRESH_FOR_MS };
  const raised = await raiseEpoch({ store, queries, issuing, actor, nowMs, epoch, published: published?.head });
  const { epoch: publishedEpoch = 0, seq = 0 } = published?.head ?? {};
  return {
    ...raised,
    ...difference,
    ...(published === undefined ? {} : { published: { epoch: publishedEpoch, seq } }),
    isLifting: isAcceptingLostLocks && difference.lost.length > 0,
  };
}

/**
 * The keys that the store names, or that take their place by the keysets that it does not know yet: what a backup names
 * may have been revoked since. Where one of them is not in the key directory, what lies there for each role.
 */
async function signersNow(
  given: IssuingSigners,
  queries: Transaction<Tables>,
  { keysets, nowMs }: { readonly keysets: readonly string[]; readonly nowMs: number },
): Promise<IssuingSigners> {
  if (!(given instanceof SigningRing)) return given;
  const signed = await queries.selectFrom("feed_state").select(["epoch", "seq"]).executeTakeFirst();
  const moment = { nowMs, signed: signed ?? { epoch: 0, seq: 0 }, overlapMs: 0 };
  let keys: readonly KeyStanding[] = await readKeys(queries);
  for (const token of keysets.slice(await appliedKeyset(queries))) keys = followKeyset(keys, keysetOf(token), moment);
  try {
    return await given.signersOf(keys);
  } catch (error) {
    if (error instanceof DimmerError && error.code === "keys_unreadable") return given;
    throw error;
  }
}

const FRESH_FOR_MS = 60_000;
const NO_DIFFERENCE = { lost: [], back: [] } as const;

async function differenceTo(queries: Transaction<Tables>, { source, head, locks }: PublishedFeed) {
  const state = await queries.selectFrom("feed_state").selectAll().where("id", "=", 1).executeTakeFirst();
  if (state === undefined) return NO_DIFFERENCE;
  if (compareVersions(head, state) < 0) {
    throw new DimmerError(
      "feed_refused",
      `${source} holds version ${formatVersion(head)}, older than ${formatVersion(state)} of the store: it is not what ` +
        "was published last; name a feed that is newer, such as a sidecar",
    );
  }
  const held = { epoch: state.locks_epoch, seq: state.locks_seq };
  // A list that the store has signed itself is not compared: what changed since is on its way out, and nothing is lost.
  if (compareVersions(locks, held) <= 0) return NO_DIFFERENCE;
  return await compareLocks(queries, locks.locks);
}
