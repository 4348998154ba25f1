import type { KeyRole, Version } from "@dimmer/statement";
import type { Queries } from "../store/open-store.ts";
import type { SigningKeyTable } from "../store/schema.ts";

/** What a key of the keysets is at. */
export type KeyState = SigningKeyTable["state"];

/** A key of the keysets, by what the store knows of it. The store decides which key signs: no process's clock does. */
export interface KeyStanding {
  readonly kid: string;
  readonly role: KeyRole;
  readonly state: KeyState;
  /** When it came into this state, Unix milliseconds. */
  readonly sinceMs: number;
  /** When it is to sign, Unix milliseconds by the clock of the store; of an announced key alone. */
  readonly signsFromMs?: number;
  /** The last version that it signed; of a key that signed once and does not any more. */
  readonly lastSigned?: Version;
}

/** The keys of the store, in the order in which they became known. */
export async function readKeys(queries: Queries): Promise<KeyStanding[]> {
  const rows = await queries.selectFrom("signing_key").selectAll().orderBy("place").execute();
  return rows.map((row) => ({
    kid: row.kid,
    role: row.role,
    state: row.state,
    sinceMs: row.since_ms,
    ...(row.signs_from_ms === null ? {} : { signsFromMs: row.signs_from_ms }),
    ...(row.last_epoch === null || row.last_seq === null
      ? {}
      : { lastSigned: { epoch: row.last_epoch, seq: row.last_seq } }),
  }));
}

/** Writes all keys down, and up to which keyset they are told. For whoever signs, in its transaction. */
export async function writeKeys(queries: Queries, keys: readonly KeyStanding[], keyset: number): Promise<void> {
  const rows = keys.map(({ kid, role, state, sinceMs, signsFromMs, lastSigned }, place) => ({
    kid,
    role,
    state,
    place,
    since_ms: sinceMs,
    signs_from_ms: signsFromMs ?? null,
    last_epoch: lastSigned?.epoch ?? null,
    last_seq: lastSigned?.seq ?? null,
  }));
  await queries.deleteFrom("signing_key").execute();
  if (rows.length > 0) await queries.insertInto("signing_key").values(rows).execute();
  await queries
    .insertInto("meta")
    .values({ key: APPLIED, value: String(keyset) })
    .onConflict((conflict) => conflict.column("key").doUpdateSet({ value: String(keyset) }))
    .execute();
}

/** Version of the newest keyset that the keys of the store are told by; 0 before the first. */
export async function appliedKeyset(queries: Queries): Promise<number> {
  const row = await queries.selectFrom("meta").select("value").where("key", "=", APPLIED).executeTakeFirst();
  return Number(row?.value ?? 0);
}

const APPLIED = "keys.keyset";
