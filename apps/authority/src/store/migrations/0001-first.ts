import type { Kysely } from "kysely";
import type { Engine } from "../engine.ts";

/** The first tables. Forward only: what a later version needs differently is a later migration. */
export async function createFirstTables(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const { schema } = db;
  const big = engine === "postgres" ? "bigint" : "integer";
  const bytes = engine === "postgres" ? "bytea" : "blob";
  const idOf = (): "bigserial" | "integer" => (engine === "postgres" ? "bigserial" : "integer");

  await schema
    .createTable("meta")
    .addColumn("key", "text", (c) => c.primaryKey())
    .addColumn("value", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("tenant")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("plan", "text", (c) => c.notNull())
    .addColumn("features", "text", (c) => c.notNull())
    .addColumn("zone", "text")
    .addColumn("locale", "text")
    .addColumn("criticality", "text")
    .addColumn("contacts", "text", (c) => c.notNull())
    .addColumn("contract", "text", (c) => c.notNull())
    .addColumn("revision", big, (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("updated_ms", big, (c) => c.notNull())
    .addColumn("gone_s", big)
    .execute();
  await schema
    .createTable("restriction")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull().references("tenant.id"))
    .addColumn("cause", "text", (c) => c.notNull())
    .addColumn("steps", "text", (c) => c.notNull())
    .addColumn("exception", "text")
    .addColumn("revision", big, (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("updated_ms", big, (c) => c.notNull())
    .addColumn("cleared_ms", big)
    .execute();
  await schema.createIndex("restriction_tenant").on("restriction").columns(["tenant_id", "cleared_ms"]).execute();
  await schema
    .createTable("lock")
    .addColumn("id", idOf(), (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("case_id", "text", (c) => c.notNull())
    .addColumn("cause", "text", (c) => c.notNull())
    .addColumn("since_s", big, (c) => c.notNull())
    .addColumn("allow", "text", (c) => c.notNull())
    .addColumn("change_set_id", "text")
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("lifted_ms", big)
    .execute();
  await schema.createIndex("lock_tenant").on("lock").columns(["tenant_id", "lifted_ms"]).execute();
  await schema
    .createTable("policy")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("version", "text", (c) => c.notNull())
    .addColumn("document", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("activated_ms", big)
    .addColumn("uploaded_by", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("api_key")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("prefix", "text", (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull().unique())
    .addColumn("roles", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("expires_ms", big)
    .addColumn("revoked_ms", big)
    .execute();
  await schema
    .createTable("fleet_credential")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("prefix", "text", (c) => c.notNull())
    .addColumn("hash", "text", (c) => c.notNull().unique())
    .addColumn("scope", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("revoked_ms", big)
    .execute();
  await schema
    .createTable("pending")
    .addColumn("id", idOf(), (c) => c.primaryKey())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text")
    .addColumn("priority", "integer", (c) => c.notNull())
    .addColumn("change_set_id", "text")
    .addColumn("actor", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("published_epoch", big)
    .addColumn("published_seq", big)
    .execute();
  await schema.createIndex("pending_open").on("pending").columns(["published_seq", "priority", "id"]).execute();
  await schema.createIndex("pending_change_set").on("pending").columns(["change_set_id"]).execute();
  await schema.createIndex("pending_tenant").on("pending").columns(["tenant_id", "published_seq"]).execute();
  await schema
    .createTable("publication")
    .addColumn("epoch", big, (c) => c.notNull())
    .addColumn("seq", big, (c) => c.notNull())
    .addColumn("base", big, (c) => c.notNull())
    .addColumn("delta", "text", (c) => c.notNull())
    .addColumn("locks", "text")
    .addColumn("policy", "text")
    .addColumn("tenants", "integer", (c) => c.notNull())
    .addColumn("narrowed", "integer", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("enforced_ms", big)
    .addPrimaryKeyConstraint("publication_version", ["epoch", "seq"])
    .execute();
  await schema
    .createTable("entitlement")
    .addColumn("tenant_id", "text", (c) => c.primaryKey())
    .addColumn("line", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("part")
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("bytes", bytes, (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addPrimaryKeyConstraint("part_name", ["kind", "digest"])
    .execute();
  await schema
    .createTable("feed_state")
    .addColumn("id", "integer", (c) => c.primaryKey())
    .addColumn("epoch", big, (c) => c.notNull())
    .addColumn("seq", big, (c) => c.notNull())
    .addColumn("index_digest", "text", (c) => c.notNull())
    .addColumn("index_seq", big, (c) => c.notNull())
    .addColumn("policy_digest", "text", (c) => c.notNull())
    .addColumn("locks_epoch", big, (c) => c.notNull())
    .addColumn("locks_seq", big, (c) => c.notNull())
    .addColumn("locks_digest", "text", (c) => c.notNull())
    .addColumn("head", "text", (c) => c.notNull())
    .addColumn("head_ms", big, (c) => c.notNull())
    .addColumn("database_identity", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("keyset")
    .addColumn("version", "integer", (c) => c.primaryKey())
    .addColumn("token", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .execute();
  await schema
    .createTable("lease")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("holder", "text", (c) => c.notNull())
    .addColumn("term", big, (c) => c.notNull())
    .addColumn("until_ms", big, (c) => c.notNull())
    .execute();
  await schema
    .createTable("ledger")
    .addColumn("id", idOf(), (c) => c.primaryKey())
    .addColumn("at_ms", big, (c) => c.notNull())
    .addColumn("actor", "text", (c) => c.notNull())
    .addColumn("role", "text", (c) => c.notNull())
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("action", "text", (c) => c.notNull())
    .addColumn("subject", "text", (c) => c.notNull())
    .addColumn("before", "text")
    .addColumn("after", "text")
    .addColumn("correlation_id", "text", (c) => c.notNull())
    .execute();
  await schema.createIndex("ledger_subject").on("ledger").columns(["subject", "id"]).execute();
  await schema
    .createTable("idempotency")
    .addColumn("actor", "text", (c) => c.notNull())
    .addColumn("key", "text", (c) => c.notNull())
    .addColumn("request_hash", "text", (c) => c.notNull())
    .addColumn("status", "integer", (c) => c.notNull())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addPrimaryKeyConstraint("idempotency_key", ["actor", "key"])
    .execute();
  await schema
    .createTable("change_set")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("narrowed", "integer", (c) => c.notNull())
    .addColumn("requested_by", "text", (c) => c.notNull())
    .addColumn("decided_by", "text")
    .addColumn("reason", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("decided_ms", big)
    .execute();
  await schema
    .createTable("tenant_import")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("format", "text", (c) => c.notNull())
    .addColumn("is_dry_run", "integer", (c) => c.notNull())
    .addColumn("actor", "text", (c) => c.notNull())
    .addColumn("holder", "text", (c) => c.notNull())
    .addColumn("read", "integer", (c) => c.notNull())
    .addColumn("created", "integer", (c) => c.notNull())
    .addColumn("changed", "integer", (c) => c.notNull())
    .addColumn("unchanged", "integer", (c) => c.notNull())
    .addColumn("invalid", "integer", (c) => c.notNull())
    .addColumn("faults", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("updated_ms", big, (c) => c.notNull())
    .execute();
  await schema
    .createTable("ack")
    .addColumn("replica", "text", (c) => c.primaryKey())
    .addColumn("credential_id", "text", (c) => c.notNull())
    .addColumn("epoch", big, (c) => c.notNull())
    .addColumn("seq", big, (c) => c.notNull())
    .addColumn("followers", "integer", (c) => c.notNull())
    .addColumn("quarantined", "integer", (c) => c.notNull())
    .addColumn("refused", "integer", (c) => c.notNull())
    .addColumn("at_ms", big, (c) => c.notNull())
    .execute();
}
