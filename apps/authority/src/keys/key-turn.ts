import { inspectStatement, type KeysetPayload } from "@dimmer/statement";
import type { FeedPosition } from "../sequencer/feed-position.ts";
import type { Queries } from "../store/open-store.ts";
import {
  beginSigning,
  dueKeys,
  followKeyset,
  type KeyMoment,
  SIGNING_ROLES,
  type SigningRole,
  signingKid,
} from "./follow-keyset.ts";
import { appliedKeyset, type KeyStanding, readKeys } from "./key-states.ts";
import type { IssuingSigners, SigningRing } from "./signing-ring.ts";

/** A change of keys that is due: it comes into force in one publication. */
export interface KeyTurn {
  /** All keys before, and once it is in force. */
  readonly before: readonly KeyStanding[];
  readonly keys: readonly KeyStanding[];
  /** Version of the newest keyset then. */
  readonly keyset: number;
  /** Keysets to be published, in their order. */
  readonly offers: readonly { readonly version: number; readonly token: string; readonly pending_id: number }[];
  readonly signers: IssuingSigners;
  /** What in force was signed by a key that does not sign any more. */
  readonly resign: ReadonlySet<SigningRole>;
}

/** What a key turn is found by. */
export interface KeyTurnQuestion {
  readonly queries: Queries;
  readonly ring: SigningRing;
  readonly position: FeedPosition;
  /** Unix milliseconds by the clock of the store. */
  readonly nowMs: number;
  readonly overlapMs: number;
  /** Whether to look at what is in force even where no key changes: another process may have signed it. */
  readonly isFirst: boolean;
}

/**
 * Finds what is due of keysets and keys, for whoever signs: keysets that were uploaded, announced keys whose overlap is
 * over and whose private key is here. `undefined` where nothing is. Writes nothing.
 *
 * @throws {DimmerError} `keys_unreadable` where a key that must sign from now on is not in the key directory
 */
export async function planKeyTurn(question: KeyTurnQuestion): Promise<KeyTurn | undefined> {
  const { queries, ring, position, nowMs, overlapMs, isFirst } = question;
  const moment: KeyMoment = { nowMs, signed: { epoch: position.epoch, seq: position.seq } };
  const before = await readKeys(queries);
  const applied = await appliedKeyset(queries);
  const brought = await queries
    .selectFrom("keyset")
    .select(["version", "token"])
    .where("version", ">", applied)
    .orderBy("version")
    .execute();
  const published = brought.at(-1)?.version ?? applied;
  const offers = await queries
    .selectFrom("keyset_offer")
    .select(["version", "token", "pending_id"])
    .where("version", ">", published)
    .orderBy("version")
    .execute();
  let keys: readonly KeyStanding[] = before;
  for (const { token } of [...brought, ...offers]) {
    keys = followKeyset(keys, keysetOf(token), { ...moment, overlapMs });
  }
  for (const { kid } of dueKeys(keys, nowMs)) {
    if (await ring.find(kid)) keys = beginSigning(keys, kid, moment);
  }
  const isChanged = keys !== before;
  if (!isChanged && !isFirst) return undefined;
  const resign = await signedByOthers(queries, position, keys);
  if (!isChanged && resign.size === 0) return undefined;
  const keyset = offers.at(-1)?.version ?? published;
  return { before, keys, keyset, offers, signers: await ring.signersOf(keys), resign };
}

/** The keys once the keysets that wait are in force; `undefined` where none waits. Writes nothing. */
export async function keysAhead(
  queries: Queries,
  keys: readonly KeyStanding[],
): Promise<readonly KeyStanding[] | undefined> {
  const waiting = await queries.selectFrom("keyset_offer").select("token").orderBy("version").execute();
  if (waiting.length === 0) return undefined;
  // Neither instant nor version changes which of them signs.
  const moment = { nowMs: 0, signed: { epoch: 0, seq: 0 }, overlapMs: 0 };
  return waiting.reduce((next, { token }) => followKeyset(next, keysetOf(token), moment), [...keys]);
}

/** What a keyset says that was verified before. */
export function keysetOf(token: string): KeysetPayload {
  const statement = inspectStatement(token);
  if (statement.typ !== "dimmer-keyset+jwt") throw new TypeError(`keyset: is ${statement.typ}`);
  return statement.payload;
}

const PART_OF = { policy: "policy", locks: "locks", feed: "index" } as const;

async function signedByOthers(
  queries: Queries,
  { policy_digest, locks_digest, index_digest }: FeedPosition,
  keys: readonly KeyStanding[],
): Promise<Set<SigningRole>> {
  const digests = { policy: policy_digest, locks: locks_digest, feed: index_digest };
  const others = new Set<SigningRole>();
  for (const role of SIGNING_ROLES) {
    const part = await queries
      .selectFrom("part")
      .select("bytes")
      .where("kind", "=", PART_OF[role])
      .where("digest", "=", digests[role])
      .executeTakeFirst();
    if (part === undefined || signerKid(part.bytes) !== signingKid(keys, role)) others.add(role);
  }
  return others;
}

function signerKid(bytes: Uint8Array): string {
  const [header = ""] = Buffer.from(bytes).toString("latin1").split(".", 1);
  return (JSON.parse(Buffer.from(header, "base64url").toString("utf8")) as { kid: string }).kid;
}
