import type { PolicyDocument } from "@dimmer/core";
import { secondsToWire, signStatement } from "@dimmer/statement";
import type { Transaction } from "kysely";
import type { Tables } from "../store/schema.ts";
import type { FeedPosition } from "./feed-position.ts";
import { type Issuing, keepPart, publishedLocks, signHead } from "./publish.ts";
import { PublishedLines } from "./published-lines.ts";

/**
 * Signs the first version of a feed, 1.1: the active policy, the locks, nobody else. What is pending follows as deltas.
 */
export async function firstPosition(
  queries: Transaction<Tables>,
  issuing: Issuing,
  identity: string,
  nowMs: number,
): Promise<FeedPosition> {
  const { signers, iss, aud } = issuing;
  const named = { iss, aud, epoch: 1, seq: 1 };
  const active = await queries
    .selectFrom("policy")
    .select("document")
    .where("state", "=", "active")
    .executeTakeFirstOrThrow();
  const document = JSON.parse(active.document) as PolicyDocument;
  const policy = await keepPart(
    queries,
    "policy",
    await signStatement("dimmer-policy+jwt", { iss, aud, policy: document }, signers.policy),
    nowMs,
  );
  const locks = { ...named, iat: secondsToWire(nowMs), locks: await publishedLocks(queries) };
  const locksDigest = await keepPart(
    queries,
    "locks",
    await signStatement("dimmer-locks+jwt", locks, signers.locks),
    nowMs,
  );
  const { digests, fresh } = await new PublishedLines([], 0).encode();
  for (const { digest, bytes } of fresh) {
    await queries
      .insertInto("part")
      .values({ kind: "chunks", digest, bytes, created_ms: nowMs })
      .onConflict((conflict) => conflict.columns(["kind", "digest"]).doNothing())
      .execute();
  }
  const index = { ...named, policy, buckets: digests.length, count: 0, chunks: digests };
  const indexDigest = await keepPart(
    queries,
    "index",
    await signStatement("dimmer-index+jwt", index, signers.feed),
    nowMs,
  );
  const position: FeedPosition = {
    epoch: 1,
    seq: 1,
    index_digest: indexDigest,
    index_seq: 1,
    policy_digest: policy,
    locks_epoch: 1,
    locks_seq: 1,
    locks_digest: locksDigest,
    head: "",
    head_ms: nowMs,
    database_identity: identity,
  };
  const signed = { ...position, head: await signHead(issuing, position, nowMs) };
  await queries
    .insertInto("feed_state")
    .values({ id: 1, ...signed })
    .execute();
  return signed;
}
