import type { InsertObject } from "kysely";
import type { Tables, TenantTable } from "../store/schema.ts";
import { PRIORITY } from "./record-change.ts";
import { isPublishedSame, isSame, noteChange, rowOf, type TenantInput, type TenantWrite } from "./tenants.ts";

/** What became of a batch of tenants. */
export interface BulkWritten {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
}

const BATCH = 250;

/**
 * Puts many tenants in the caller's transaction, behind everything else that waits for a signature. Each is put as one
 * alone would be, with its ledger entry; putting what is there already changes nothing. Some 20 µs a tenant.
 *
 * @param inputs checked, each tenant once
 * @param isDryRun counts and writes nothing
 */
export async function putTenants(
  write: Pick<TenantWrite, "store" | "queries" | "actor" | "nowMs">,
  inputs: readonly TenantInput[],
  isDryRun: boolean,
): Promise<BulkWritten> {
  const { store, queries, actor, nowMs } = write;
  const counts = { created: 0, changed: 0, unchanged: 0 };
  for (let start = 0; start < inputs.length; start += BATCH) {
    const batch = inputs.slice(start, start + BATCH);
    let select = queries
      .selectFrom("tenant")
      .selectAll()
      .where(
        "id",
        "in",
        batch.map(({ id }) => id),
      )
      .orderBy("id");
    if (store.engine === "postgres" && !isDryRun) select = select.forUpdate();
    const known = new Map((await select.execute()).map((row) => [row.id, row]));
    const rows: TenantTable[] = [];
    const ledger: InsertObject<Tables, "ledger">[] = [];
    const pending: InsertObject<Tables, "pending">[] = [];
    for (const input of batch) {
      const before = known.get(input.id);
      const row = rowOf(input, before, nowMs);
      if (before !== undefined && isSame(before, row)) {
        counts.unchanged++;
        continue;
      }
      counts[before === undefined ? "created" : "changed"]++;
      rows.push(row);
      ledger.push({
        at_ms: nowMs,
        actor: actor.id,
        role: actor.role,
        reason: actor.reason,
        action: "tenant.import",
        subject: `tenant:${input.id}`,
        before: before === undefined ? null : JSON.stringify(before),
        after: JSON.stringify(input),
        correlation_id: actor.correlationId,
      });
      if (before !== undefined && !isDryRun) await noteChange({ ...write, source: "import" }, before, row);
      if (isPublishedSame(before, row)) continue;
      pending.push({
        kind: "entitlement",
        tenant_id: input.id,
        priority: PRIORITY.bulk,
        change_set_id: null,
        actor: actor.id,
        created_ms: nowMs,
        published_epoch: null,
        published_seq: null,
      });
    }
    if (isDryRun || rows.length === 0) continue;
    await queries
      .insertInto("tenant")
      .values(rows)
      .onConflict((conflict) =>
        conflict.column("id").doUpdateSet((row) => ({
          name: row.ref("excluded.name"),
          plan: row.ref("excluded.plan"),
          features: row.ref("excluded.features"),
          zone: row.ref("excluded.zone"),
          locale: row.ref("excluded.locale"),
          criticality: row.ref("excluded.criticality"),
          contacts: row.ref("excluded.contacts"),
          contract: row.ref("excluded.contract"),
          revision: row.ref("excluded.revision"),
          updated_ms: row.ref("excluded.updated_ms"),
          gone_s: row.ref("excluded.gone_s"),
        })),
      )
      .execute();
    await queries.insertInto("ledger").values(ledger).execute();
    if (pending.length > 0) await queries.insertInto("pending").values(pending).execute();
  }
  return counts;
}
