import type { Kysely } from "kysely";
import type { Engine } from "../engine.ts";

/** Makes the tables that say which key signs, and which keysets wait to come into force. */
export async function createKeyTables(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const { schema } = db;
  const big = engine === "postgres" ? "bigint" : "integer";
  await schema
    .createTable("signing_key")
    .addColumn("kid", "text", (c) => c.primaryKey())
    .addColumn("role", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("place", "integer", (c) => c.notNull())
    .addColumn("since_ms", big, (c) => c.notNull())
    .addColumn("signs_from_ms", big)
    .addColumn("last_epoch", big)
    .addColumn("last_seq", big)
    .execute();
  await schema
    .createTable("keyset_offer")
    .addColumn("version", "integer", (c) => c.primaryKey())
    .addColumn("token", "text", (c) => c.notNull())
    .addColumn("pending_id", big, (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .execute();
}
