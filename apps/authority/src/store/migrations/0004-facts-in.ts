import type { Kysely } from "kysely";
import type { Engine } from "../engine.ts";

/** Makes the tables of what comes in: whose is what in outside systems, and how their messages are read. */
export async function createFactTables(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const { schema } = db;
  const big = engine === "postgres" ? "bigint" : "integer";
  await schema
    .createTable("billing_ref")
    .addColumn("source", "text", (c) => c.notNull())
    .addColumn("ref", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("invoice", "text")
    .addColumn("body", "text")
    .addColumn("as_of_ms", big, (c) => c.notNull())
    .addColumn("updated_ms", big, (c) => c.notNull())
    .addPrimaryKeyConstraint("billing_ref_once", ["source", "ref"])
    .execute();
  await schema.createIndex("billing_ref_tenant").on("billing_ref").columns(["tenant_id", "source"]).execute();
  await schema
    .createTable("fact_adapter")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("document", "text", (c) => c.notNull())
    .addColumn("secrets", "text", (c) => c.notNull())
    .addColumn("revision", big, (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("updated_ms", big, (c) => c.notNull())
    .execute();
  // Money of the bank names an invoice and no tenant.
  await schema.createIndex("fact_by_subject").on("fact").column("subject").execute();
  await schema.createIndex("inbox_tenant").on("inbox").columns(["tenant_id", "state"]).execute();
}
