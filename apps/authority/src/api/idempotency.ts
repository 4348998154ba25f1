import { createHash } from "node:crypto";
import type { Transaction } from "kysely";
import type { Queries } from "../store/open-store.ts";
import type { Tables } from "../store/schema.ts";
import type { WriteAnswer } from "./operation.ts";
import { malformed, problemOf, Refusal } from "./problem.ts";

/** A write that carries an `Idempotency-Key`: done once, answered alike each time, for a day. */
export interface RepeatableRequest {
  /** The API key: keys of different callers do not meet. */
  readonly actor: string;
  readonly key: string;
  /** Of method, target and body. */
  readonly hash: string;
}

/** Reads `Idempotency-Key`. @throws {Refusal} `malformed` */
export function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (!/^[\x21-\x7e]{1,128}$/.test(header))
    throw malformed("Idempotency-Key", "must be 1 to 128 visible ASCII characters");
  return header;
}

/** What a request is told apart by. */
export function hashOfRequest(method: string, target: string, body: Uint8Array): string {
  return createHash("sha256").update(`${method} ${target}\n`).update(body).digest("base64url");
}

/** The answer that the same request was given; `undefined` for a new one. @throws {Refusal} `key_reused` */
export async function findAnswer(
  queries: Queries,
  { actor, key, hash }: RepeatableRequest,
): Promise<WriteAnswer | undefined> {
  const row = await queries
    .selectFrom("idempotency")
    .selectAll()
    .where("actor", "=", actor)
    .where("key", "=", key)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (row.request_hash !== hash) {
    const detail = "Idempotency-Key: another request was sent under this key; give each request its own";
    throw new Refusal(problemOf("key_reused", detail, { field: "Idempotency-Key" }));
  }
  return JSON.parse(row.body) as WriteAnswer;
}

/** Keeps an answer in the transaction of its write. What is shown once is not kept. */
export async function keepAnswer(
  queries: Transaction<Tables>,
  { actor, key, hash }: RepeatableRequest,
  given: WriteAnswer,
  nowMs: number,
): Promise<void> {
  const { once: _, ...answer } = given;
  const row = {
    actor,
    key,
    request_hash: hash,
    status: answer.status,
    body: JSON.stringify(answer),
    created_ms: nowMs,
  };
  await queries.insertInto("idempotency").values(row).execute();
}
