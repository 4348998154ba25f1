import { randomUUID } from "node:crypto";
import type { Transaction } from "kysely";
import { type Actor, ROLES, type Role } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import { writeLedger } from "../changes/record-change.ts";
import type { Queries } from "../store/open-store.ts";
import type { ApiKeyTable, Tables } from "../store/schema.ts";
import { hashSecret, makeSecret } from "./secret.ts";

/** An API key as it may be shown: never its hash. */
export interface ApiKey {
  readonly id: string;
  readonly name: string;
  readonly prefix: string;
  readonly roles: readonly Role[];
  readonly createdMs: number;
  readonly expiresMs: number | null;
  readonly revokedMs: number | null;
}

/** What a credential is written under. */
export interface CredentialWrite {
  readonly queries: Transaction<Tables>;
  readonly actor: Actor;
  readonly nowMs: number;
}

/** Makes an API key. Its secret is in the answer and nowhere else. @throws {Fault} `invalid` for a role that is none */
export async function createApiKey(
  { queries, actor, nowMs }: CredentialWrite,
  input: { readonly name: string; readonly roles: readonly string[]; readonly expiresMs?: number | undefined },
): Promise<{ key: ApiKey; secret: string }> {
  const unknown = input.roles.find((role) => !(ROLES as readonly string[]).includes(role));
  if (unknown !== undefined || input.roles.length === 0) {
    throw new Fault(
      "invalid",
      `roles: ${JSON.stringify(unknown ?? [])} must be one or more of ${ROLES.join(", ")}`,
      "roles",
    );
  }
  const { secret, prefix, hash } = makeSecret("dmk");
  const row: ApiKeyTable = {
    id: `key_${randomUUID()}`,
    name: input.name,
    prefix,
    hash,
    roles: JSON.stringify(input.roles),
    created_ms: nowMs,
    expires_ms: input.expiresMs ?? null,
    revoked_ms: null,
  };
  await queries.insertInto("api_key").values(row).execute();
  const key = apiKeyOf(row);
  await writeLedger(queries, actor, { action: "key.create", subject: `key:${row.id}`, after: key }, nowMs);
  return { key, secret };
}

/**
 * Makes a key of the same name and roles in the place of another, which ends after `overlapMs` or when it would have
 * ended before that. The new one lives as long as the old one was made to.
 *
 * @throws {Fault} `missing`
 */
export async function rotateApiKey(
  write: CredentialWrite,
  id: string,
  overlapMs: number,
): Promise<{ key: ApiKey; secret: string }> {
  const { queries, actor, nowMs } = write;
  const row = await heldKey(queries, id);
  const lifeMs = row.expires_ms === null ? undefined : row.expires_ms - row.created_ms;
  const { name, roles } = apiKeyOf(row);
  const made = await createApiKey(write, {
    name,
    roles,
    expiresMs: lifeMs === undefined ? undefined : nowMs + lifeMs,
  });
  const expires_ms = Math.min(row.expires_ms ?? Number.MAX_SAFE_INTEGER, nowMs + overlapMs);
  await queries.updateTable("api_key").set({ expires_ms }).where("id", "=", id).execute();
  const entry = {
    action: "key.rotate",
    subject: `key:${id}`,
    before: apiKeyOf(row),
    after: { by: made.key.id, expiresMs: expires_ms },
  };
  await writeLedger(queries, actor, entry, nowMs);
  return made;
}

/** Ends an API key at once. @throws {Fault} `missing` */
export async function revokeApiKey({ queries, actor, nowMs }: CredentialWrite, id: string): Promise<void> {
  const row = await heldKey(queries, id);
  await queries.updateTable("api_key").set({ revoked_ms: nowMs }).where("id", "=", id).execute();
  await writeLedger(queries, actor, { action: "key.revoke", subject: `key:${id}`, before: apiKeyOf(row) }, nowMs);
}

async function heldKey(queries: Transaction<Tables>, id: string): Promise<ApiKeyTable> {
  const row = await queries.selectFrom("api_key").selectAll().where("id", "=", id).executeTakeFirst();
  if (row === undefined || row.revoked_ms !== null) throw new Fault("missing", `there is no key ${id}`);
  return row;
}

/** The key that a secret belongs to; `undefined` where it is unknown, revoked or over. */
export async function findApiKey(queries: Queries, secret: string, nowMs: number): Promise<ApiKey | undefined> {
  const row = await queries
    .selectFrom("api_key")
    .selectAll()
    .where("hash", "=", hashSecret(secret))
    .where("revoked_ms", "is", null)
    .executeTakeFirst();
  if (row === undefined || (row.expires_ms !== null && row.expires_ms <= nowMs)) return undefined;
  return apiKeyOf(row);
}

/** A row as it may be shown. */
export function apiKeyOf(row: ApiKeyTable): ApiKey {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    roles: JSON.parse(row.roles) as Role[],
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    revokedMs: row.revoked_ms,
  };
}
