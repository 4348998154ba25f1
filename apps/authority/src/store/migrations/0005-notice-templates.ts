import type { Kysely } from "kysely";
import type { Engine } from "../engine.ts";

/** Makes the table of a vendor's own notice templates, every version of them. */
export async function createTemplateTable({ schema }: Kysely<unknown>, engine: Engine): Promise<void> {
  await schema
    .createTable("notice_template")
    .addColumn("name", "text", (c) => c.notNull())
    .addColumn("locale", "text", (c) => c.notNull())
    .addColumn("version", "integer", (c) => c.notNull())
    .addColumn("subject", "text")
    .addColumn("text", "text")
    .addColumn("actor", "text", (c) => c.notNull())
    .addColumn("created_ms", engine === "postgres" ? "bigint" : "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("notice_template_version", ["name", "locale", "version"])
    .execute();
}
