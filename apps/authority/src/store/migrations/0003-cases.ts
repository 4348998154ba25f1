import type { Kysely } from "kysely";
import type { Engine } from "../engine.ts";

/** Makes the tables of cases: facts, what comes in from outside, notices, tasks and what goes out. */
export async function createCaseTables(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const { schema } = db;
  const big = engine === "postgres" ? "bigint" : "integer";
  const serial = engine === "postgres" ? "bigserial" : "integer";

  await schema
    .createTable("case_file")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("track", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("policy_id", "text", (c) => c.notNull().references("policy.id"))
    .addColumn("owner", "text")
    .addColumn("cause_code", "text")
    .addColumn("correlation_id", "text", (c) => c.notNull())
    .addColumn("plan", "text")
    .addColumn("basis", "text")
    .addColumn("fault", "text")
    .addColumn("next_wake_ms", big)
    .addColumn("lease_holder", "text")
    .addColumn("lease_until_ms", big)
    .addColumn("revision", big, (c) => c.notNull())
    .addColumn("opened_ms", big, (c) => c.notNull())
    .addColumn("updated_ms", big, (c) => c.notNull())
    .addColumn("closed_ms", big)
    .execute();
  await schema.createIndex("case_file_tenant").on("case_file").columns(["tenant_id", "track", "state"]).execute();
  await schema.createIndex("case_file_due").on("case_file").column("next_wake_ms").execute();
  await schema
    .createTable("fact")
    .addColumn("seq", serial, (c) => c.primaryKey())
    .addColumn("id", "text", (c) => c.notNull())
    .addColumn("case_id", "text", (c) => c.notNull().references("case_file.id"))
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    // What ties later facts to this one: an invoice, a payment, a dispute.
    .addColumn("subject", "text")
    .addColumn("at_ms", big, (c) => c.notNull())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("source", "text", (c) => c.notNull())
    .addColumn("actor", "text", (c) => c.notNull())
    .addColumn("received_ms", big, (c) => c.notNull())
    .addUniqueConstraint("fact_once", ["case_id", "id"])
    .execute();
  await schema.createIndex("fact_subject").on("fact").columns(["tenant_id", "subject"]).execute();

  await schema
    .createTable("inbox")
    .addColumn("source", "text", (c) => c.notNull())
    .addColumn("id", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text")
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("code", "text")
    .addColumn("message", "text")
    .addColumn("attempts", "integer", (c) => c.notNull())
    .addColumn("received_ms", big, (c) => c.notNull())
    .addColumn("updated_ms", big, (c) => c.notNull())
    .addPrimaryKeyConstraint("inbox_once", ["source", "id"])
    .execute();
  await schema.createIndex("inbox_state").on("inbox").columns(["state", "received_ms"]).execute();

  await schema
    .createTable("notice")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("case_id", "text", (c) => c.notNull().references("case_file.id"))
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("template", "text", (c) => c.notNull())
    .addColumn("stage", "text")
    .addColumn("round", "text")
    .addColumn("step_at_ms", big)
    .addColumn("deadline", "text")
    .addColumn("locale", "text", (c) => c.notNull())
    .addColumn("subject", "text", (c) => c.notNull())
    .addColumn("text", "text", (c) => c.notNull())
    .addColumn("html", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .execute();
  await schema.createIndex("notice_case").on("notice").column("case_id").execute();
  await schema.createIndex("notice_tenant").on("notice").columns(["tenant_id", "created_ms"]).execute();
  await schema
    .createTable("notice_delivery")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("notice_id", "text", (c) => c.notNull().references("notice.id"))
    .addColumn("channel", "text", (c) => c.notNull())
    .addColumn("address", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("attempts", "integer", (c) => c.notNull())
    .addColumn("next_ms", big)
    .addColumn("lease_holder", "text")
    .addColumn("lease_until_ms", big)
    .addColumn("detail", "text")
    .addColumn("updated_ms", big, (c) => c.notNull())
    .execute();
  await schema.createIndex("notice_delivery_notice").on("notice_delivery").column("notice_id").execute();
  await schema.createIndex("notice_delivery_due").on("notice_delivery").column("next_ms").execute();

  await schema
    .createTable("task")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("case_id", "text", (c) => c.notNull().references("case_file.id"))
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("kind", "text", (c) => c.notNull())
    .addColumn("role", "text", (c) => c.notNull())
    .addColumn("title", "text", (c) => c.notNull())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("due_ms", big)
    .addColumn("alerted_ms", big)
    .addColumn("created_ms", big, (c) => c.notNull())
    .addColumn("done_ms", big)
    .addColumn("done_by", "text")
    .execute();
  await schema.createIndex("task_case").on("task").columns(["case_id", "state"]).execute();
  await schema.createIndex("task_due").on("task").columns(["state", "due_ms"]).execute();

  await schema
    .createTable("outgoing_event")
    .addColumn("seq", serial, (c) => c.primaryKey())
    .addColumn("id", "text", (c) => c.notNull().unique())
    .addColumn("type", "text", (c) => c.notNull())
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("case_id", "text")
    .addColumn("correlation_id", "text", (c) => c.notNull())
    .addColumn("body", "text", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .execute();
  await schema.createIndex("outgoing_event_case").on("outgoing_event").column("case_id").execute();
  await schema
    .createTable("event_endpoint")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("url", "text", (c) => c.notNull())
    .addColumn("secrets", "text", (c) => c.notNull())
    .addColumn("types", "text", (c) => c.notNull())
    .addColumn("enabled", "integer", (c) => c.notNull())
    .addColumn("created_ms", big, (c) => c.notNull())
    .execute();
  await schema
    .createTable("event_delivery")
    .addColumn("event_id", "text", (c) => c.notNull().references("outgoing_event.id"))
    .addColumn("endpoint_id", "text", (c) => c.notNull().references("event_endpoint.id"))
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("attempts", "integer", (c) => c.notNull())
    .addColumn("next_ms", big)
    .addColumn("lease_holder", "text")
    .addColumn("lease_until_ms", big)
    .addColumn("detail", "text")
    .addPrimaryKeyConstraint("event_delivery_once", ["event_id", "endpoint_id"])
    .execute();
  await schema.createIndex("event_delivery_due").on("event_delivery").columns(["state", "next_ms"]).execute();

  await schema
    .createTable("restoration")
    .addColumn("id", serial, (c) => c.primaryKey())
    .addColumn("case_id", "text", (c) => c.notNull().references("case_file.id"))
    .addColumn("tenant_id", "text", (c) => c.notNull())
    .addColumn("fact_id", "text", (c) => c.notNull())
    .addColumn("received_ms", big, (c) => c.notNull())
    .addColumn("pending_id", big, (c) => c.notNull())
    .addColumn("enforced_ms", big)
    .execute();
  await schema.createIndex("restoration_open").on("restoration").column("enforced_ms").execute();
  await schema.createIndex("ledger_correlation").on("ledger").column("correlation_id").execute();
  // When the version was reached that is acknowledged: what is said again later is no later.
  await schema
    .alterTable("ack")
    .addColumn("reached_ms", big, (c) => c.notNull().defaultTo(0))
    .execute();
}
