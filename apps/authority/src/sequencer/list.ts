import { TOMBSTONE_DAYS } from "@dimmer/feed/build";
import { inspectStatement, secondsToWire, signStatement } from "@dimmer/statement";
import { sql, type Transaction } from "kysely";
import type { Queries } from "../store/open-store.ts";
import type { Tables } from "../store/schema.ts";
import type { FeedPosition } from "./feed-position.ts";
import { type Issuing, keepPart, savePosition, signHead } from "./publish.ts";
import type { Chunk, PublishedLines } from "./published-lines.ts";

const TOMBSTONE_SECONDS = TOMBSTONE_DAYS * 86_400;
const PARTS_KEPT_MS = 86_400_000;
const BATCH = 500;

/** A list made in memory, to be written down. */
export interface PreparedList {
  readonly digests: readonly string[];
  readonly fresh: readonly Chunk[];
  readonly count: number;
  /** Tenants whose tombstones have been published long enough. */
  readonly over: readonly string[];
}

/**
 * Makes the chunks of the list. Outside a transaction: it takes seconds for a million tenants, and is not repeated where
 * the transaction is.
 */
export async function prepareList(queries: Queries, published: PublishedLines, nowMs: number): Promise<PreparedList> {
  const before = secondsToWire(nowMs) - TOMBSTONE_SECONDS;
  const rows = await queries
    .selectFrom("tenant")
    .innerJoin("entitlement", "entitlement.tenant_id", "tenant.id")
    .select("tenant.id")
    .where("tenant.gone_s", "<=", before)
    .execute();
  const over = rows.map(({ id }) => id).filter((id) => isTombstoneLine(id, published.get(id)));
  for (const tenant of over) published.delete(tenant);
  const { digests, fresh } = await published.encode();
  return { digests, fresh, count: published.count, over };
}

/** A tenant that was removed long ago may have been narrowed by it and wait for an approval: its line still stands. */
function isTombstoneLine(tenant: string, line: string | undefined): boolean {
  return line?.startsWith(`{"tenant":${JSON.stringify(tenant)},"gone":`) === true;
}

/** What a list is written down with. */
export interface ListContext {
  readonly queries: Transaction<Tables>;
  readonly issuing: Issuing;
  readonly position: FeedPosition;
  readonly list: PreparedList;
  readonly nowMs: number;
}

/**
 * Publishes the list of the version that stands: chunks that changed, the index, a head that names it. Tombstones that
 * have been published for 90 days go with it, and what has been out of use for a day: parts, deltas, pending rows that
 * were published, answers kept for repeated requests.
 *
 * @returns the position with the new index and head
 */
export async function listAgain({ queries, issuing, position, list, nowMs }: ListContext): Promise<FeedPosition> {
  const { signers, iss, aud } = issuing;
  const { digests, fresh, count, over } = list;
  for (let start = 0; start < over.length; start += BATCH) {
    const tenants = over.slice(start, start + BATCH);
    await queries.deleteFrom("entitlement").where("tenant_id", "in", tenants).execute();
  }
  for (const { digest, bytes } of fresh) {
    await queries
      .insertInto("part")
      .values({ kind: "chunks", digest, bytes, created_ms: nowMs })
      .onConflict((conflict) => conflict.columns(["kind", "digest"]).doUpdateSet({ created_ms: nowMs }))
      .execute();
  }
  const { epoch, seq, policy_digest: policy } = position;
  const payload = { iss, aud, epoch, seq, policy, buckets: digests.length, count, chunks: digests };
  const token = await signStatement("dimmer-index+jwt", payload, signers.feed);
  const index_digest = await keepPart(queries, "index", token, nowMs);
  const listed = { ...position, index_digest, index_seq: seq };
  const head = await signHead(issuing, listed, nowMs);
  const next = { ...listed, head, head_ms: nowMs };
  await savePosition(queries, next);
  await retire(queries, position.index_digest, new Set([index_digest, ...digests]), nowMs);
  await forgetParts(queries, new Set([index_digest, policy, position.locks_digest, ...digests]), nowMs);
  return next;
}

/**
 * Forgets what has been out of use for a day where no list is made: a feed that rests for a week keeps no deltas of the
 * week before.
 */
export async function forgetOld(
  queries: Transaction<Tables>,
  { index_digest, policy_digest, locks_digest }: FeedPosition,
  nowMs: number,
): Promise<void> {
  const chunks = await chunksOf(queries, index_digest);
  await forgetParts(queries, new Set([index_digest, policy_digest, locks_digest, ...chunks]), nowMs);
}

/** The chunks that an index names, while it is kept. */
async function chunksOf(queries: Transaction<Tables>, index: string): Promise<readonly string[]> {
  const row = await queries
    .selectFrom("part")
    .select("bytes")
    .where("kind", "=", "index")
    .where("digest", "=", index)
    .executeTakeFirst();
  if (row === undefined) return [];
  const statement = inspectStatement(Buffer.from(row.bytes).toString("latin1"));
  return statement.typ === "dimmer-index+jwt" ? statement.payload.chunks : [];
}

/** Marks the index and the chunks that go out of use now, so that they are kept for a day from now on. */
async function retire(
  queries: Transaction<Tables>,
  index: string,
  inUse: ReadonlySet<string>,
  nowMs: number,
): Promise<void> {
  const chunks = await chunksOf(queries, index);
  const retired = [index, ...chunks].filter((digest) => !inUse.has(digest));
  for (let start = 0; start < retired.length; start += BATCH) {
    const digests = retired.slice(start, start + BATCH);
    await queries.updateTable("part").set({ created_ms: nowMs }).where("digest", "in", digests).execute();
  }
}

/** A reader may be half-way through the list before: parts stay a day beyond their use. */
async function forgetParts(queries: Transaction<Tables>, inUse: ReadonlySet<string>, nowMs: number): Promise<void> {
  const old = await queries
    .selectFrom("part")
    .select(["kind", "digest"])
    .where("created_ms", "<", nowMs - PARTS_KEPT_MS)
    .execute();
  for (const { kind, digest } of old) {
    if (inUse.has(digest)) continue;
    await queries.deleteFrom("part").where("kind", "=", kind).where("digest", "=", digest).execute();
  }
  await queries
    .deleteFrom("publication")
    .where("created_ms", "<", nowMs - PARTS_KEPT_MS)
    .where(sql<boolean>`seq < (select seq from feed_state where id = 1)`)
    .execute();
  const { least } = await queries
    .selectFrom("publication")
    .select((row) => row.fn.min("seq").as("least"))
    .executeTakeFirstOrThrow();
  // Found by the versions that are gone, for which there is an index, and not by its age.
  if (least !== null) {
    await queries
      .deleteFrom("pending")
      .where("published_seq", "<", least as number)
      .where("created_ms", "<", nowMs - PARTS_KEPT_MS)
      .execute();
  }
  await queries
    .deleteFrom("idempotency")
    .where("created_ms", "<", nowMs - PARTS_KEPT_MS)
    .execute();
}
