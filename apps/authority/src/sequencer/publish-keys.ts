import { randomUUID } from "node:crypto";
import {
  formatVersion,
  inspectStatement,
  type PayloadOf,
  type StatementType,
  secondsToWire,
  signStatement,
} from "@dimmer/statement";
import type { Transaction } from "kysely";
import type { Actor } from "../changes/actor.ts";
import { writeLedger } from "../changes/record-change.ts";
import { noteCut } from "../feed/watch-cut.ts";
import { writeKeys } from "../keys/key-states.ts";
import type { KeyTurn } from "../keys/key-turn.ts";
import type { Tables } from "../store/schema.ts";
import type { FeedPosition } from "./feed-position.ts";
import { listAgain, type PreparedList } from "./list.ts";
import { type Issuing, keepPart, type Published, savePosition, signHead, touchPart } from "./publish.ts";

/** What a change of keys is published with. */
export interface PublishKeysContext {
  readonly queries: Transaction<Tables>;
  readonly issuing: Issuing;
  readonly position: FeedPosition;
  readonly turn: KeyTurn;
  /** The list as it stands, where anything is signed anew; no line of it changes here. */
  readonly list: PreparedList | undefined;
  readonly nowMs: number;
}

/**
 * Puts a change of keys in force as one version, within the caller's transaction: the keysets that bring it, and by the
 * keys that sign from now on whatever of policy, lock list and index another key had signed, a delta that changes
 * nobody, and the head. Whoever reads the new keysets finds nothing in force that they refuse.
 */
export async function publishKeys(context: PublishKeysContext): Promise<Published> {
  const { queries, turn, list, nowMs } = context;
  const issuing: Issuing = { ...context.issuing, signers: turn.signers };
  const { signers, iss, aud } = issuing;
  const { epoch, seq: base } = context.position;
  const seq = base + 1;
  await keepKeysets(queries, turn, nowMs);
  await keepStates(queries, turn, nowMs);
  let position: FeedPosition = { ...context.position, seq };
  let policy: string | undefined;
  if (turn.resign.has("policy")) {
    const payload = await payloadInForce(queries, "policy", position.policy_digest, "dimmer-policy+jwt");
    policy = await signStatement("dimmer-policy+jwt", payload, signers.policy);
    await touchPart(queries, position.policy_digest, nowMs);
    position = { ...position, policy_digest: await keepPart(queries, "policy", policy, nowMs) };
  }
  let locks: string | undefined;
  if (turn.resign.has("locks")) {
    const inForce = await payloadInForce(queries, "locks", position.locks_digest, "dimmer-locks+jwt");
    const payload = { ...inForce, epoch, seq, iat: secondsToWire(nowMs) };
    locks = await signStatement("dimmer-locks+jwt", payload, signers.locks);
    await touchPart(queries, position.locks_digest, nowMs);
    const digest = await keepPart(queries, "locks", locks, nowMs);
    position = { ...position, locks_epoch: epoch, locks_seq: seq, locks_digest: digest };
  }
  const payload = { iss, aud, epoch, base, seq, policy: position.policy_digest, entitlements: [] };
  const delta = await signStatement("dimmer-delta+jwt", payload, signers.feed);
  position = { ...position, head: await signHead(issuing, position, nowMs), head_ms: nowMs };
  const row = { epoch, seq, base, delta, locks: locks ?? null, policy: policy ?? null };
  const counts = { tenants: 0, narrowed: 0, created_ms: nowMs, enforced_ms: null };
  await queries
    .insertInto("publication")
    .values({ ...row, ...counts })
    .execute();
  await savePosition(queries, position);
  if (list !== undefined) position = await listAgain({ queries, issuing, position, list, nowMs });
  if (isCut(turn)) await noteCut(queries, position);
  const ids = turn.offers.map(({ pending_id }) => pending_id);
  if (ids.length > 0) {
    const published = { published_epoch: epoch, published_seq: seq };
    await queries.updateTable("pending").set(published).where("id", "in", ids).execute();
  }
  const optional = { ...(locks === undefined ? {} : { locks }), ...(policy === undefined ? {} : { policy }) };
  return { publication: { epoch, seq, base, delta, head: position.head, ...optional }, position, lines: new Map() };
}

async function keepKeysets(queries: Transaction<Tables>, { offers }: KeyTurn, nowMs: number): Promise<void> {
  for (const { version, token } of offers) {
    await queries.insertInto("keyset").values({ version, token, created_ms: nowMs }).execute();
    await queries.deleteFrom("keyset_offer").where("version", "=", version).execute();
  }
}

/** A key that begins to sign by itself is in the ledger as well. */
async function keepStates(
  queries: Transaction<Tables>,
  { before, keys, keyset }: KeyTurn,
  nowMs: number,
): Promise<void> {
  await writeKeys(queries, keys, keyset);
  const reason = `keyset ${keyset} is in force, or an overlap is over`;
  const actor: Actor = { id: "sequencer", role: "admin", reason, correlationId: `cor_${randomUUID()}` };
  for (const { kid, state, lastSigned } of keys) {
    const former = before.find((key) => key.kid === kid)?.state;
    if (former === state) continue;
    const after = { state, ...(lastSigned === undefined ? {} : { lastSigned: formatVersion(lastSigned) }) };
    await writeLedger(queries, actor, { action: `key.${state}`, subject: `key:${kid}`, before: former, after }, nowMs);
  }
}

/** Whether changes that are kept for watchers may be refused from now on: a revoked key signed them. */
function isCut({ before, keys }: KeyTurn): boolean {
  return keys.some(
    ({ kid, state }) => state === "revoked" && before.some((key) => key.kid === kid && key.state !== "revoked"),
  );
}

async function payloadInForce<T extends StatementType>(
  queries: Transaction<Tables>,
  kind: "policy" | "locks",
  digest: string,
  typ: T,
): Promise<PayloadOf<T>> {
  const { bytes } = await queries
    .selectFrom("part")
    .select("bytes")
    .where("kind", "=", kind)
    .where("digest", "=", digest)
    .executeTakeFirstOrThrow();
  const statement = inspectStatement(Buffer.from(bytes).toString("latin1"));
  if (statement.typ !== typ) throw new TypeError(`${kind}: is ${statement.typ}`);
  return statement.payload as PayloadOf<T>;
}
