import { randomUUID } from "node:crypto";
import { type CompiledPolicy, isTenantId } from "@dimmer/core";
import { problemOfError } from "../api/problem.ts";
import { faultOfJson } from "../api/read-body.ts";
import { tenantInputOf, tenantRow } from "../api/resources/tenant-body.ts";
import type { Service } from "../api/service.ts";
import { refuseIssues } from "../api/zod-issues.ts";
import type { Actor } from "../changes/actor.ts";
import { putTenants } from "../changes/bulk-tenants.ts";
import { checkEntitlement, checkSize } from "../changes/check-entitlement.ts";
import type { TenantInput } from "../changes/tenants.ts";
import type { Store } from "../store/open-store.ts";
import type { TenantImportTable } from "../store/schema.ts";
import type { ImportRow } from "./read-rows.ts";

/** A row at fault, as it is reported. */
export interface RowFault {
  readonly line: number;
  readonly field?: string;
  readonly message: string;
}

/** What an import is run with. */
export interface ImportRun {
  readonly id: string;
  readonly service: Service;
  readonly actor: Actor;
  readonly isDryRun: boolean;
  readonly rows: AsyncIterable<ImportRow>;
}

const BATCH = 1_000;
const MAX_FAULTS = 100;

/** Begins an import: from then on its progress can be asked for. Its id. */
export async function beginImport(
  { store, now, holder }: Service,
  { actor, format, isDryRun }: { actor: Actor; format: TenantImportTable["format"]; isDryRun: boolean },
): Promise<string> {
  const id = `import_${randomUUID()}`;
  const nowMs = now();
  const none = { read: 0, created: 0, changed: 0, unchanged: 0, invalid: 0, faults: "[]" };
  await store.db
    .insertInto("tenant_import")
    .values({
      id,
      state: "running",
      format,
      is_dry_run: isDryRun ? 1 : 0,
      actor: actor.id,
      holder,
      ...none,
      created_ms: nowMs,
      updated_ms: nowMs,
    })
    .execute();
  return id;
}

/**
 * Puts the tenants of a stream of rows, a thousand in a transaction, with how far it has come in the same transaction.
 * Rows at fault are counted and reported, and the others put. What breaks off has put what it had read: the same import
 * again changes nothing of that and goes on.
 *
 * @throws what reading the rows throws; the import is then `failed`
 */
export async function importTenants(run: ImportRun): Promise<TenantImportTable> {
  const { id, service, rows } = run;
  const { store } = service;
  const faults: RowFault[] = [];
  const invalid = { count: 0 };
  let read = 0;
  try {
    let batch = new Map<string, TenantInput>();
    let policy = await service.policies.active(store.db);
    for await (const row of rows) {
      read++;
      const input = readRow(row, policy);
      if ("message" in input) {
        invalid.count++;
        if (faults.length < MAX_FAULTS) faults.push(input);
      } else {
        // The later row of two holds, as it would in two imports.
        if (batch.has(input.id)) batch = await flush(run, batch, { read: read - 1, invalid: invalid.count, faults });
        batch.set(input.id, input);
      }
      if (batch.size >= BATCH || read % BATCH === 0) {
        batch = await flush(run, batch, { read, invalid: invalid.count, faults });
        policy = await service.policies.active(store.db);
      }
    }
    await flush(run, batch, { read, invalid: invalid.count, faults });
    await end(store, { id, state: "done", nowMs: service.now() });
  } catch (error) {
    const known = problemOfError(error)?.problem.detail ?? "the import broke off";
    const broken = [...faults.slice(0, MAX_FAULTS - 1), { line: read + 1, message: known }];
    await end(store, { id, state: "failed", nowMs: service.now(), faults: broken }).catch(() => undefined);
    throw error;
  }
  return await store.db.selectFrom("tenant_import").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
}

/** Says of imports that were running when their process ended that they failed. Others' are given an hour. */
export async function failAbandoned(store: Store, nowMs: number): Promise<void> {
  await store.db
    .updateTable("tenant_import")
    .set({ state: "failed", updated_ms: nowMs })
    .where("state", "=", "running")
    .where("updated_ms", "<", store.engine === "sqlite" ? nowMs + 1 : nowMs - 3_600_000)
    .execute();
}

interface Progress {
  readonly read: number;
  readonly invalid: number;
  readonly faults: readonly RowFault[];
}

async function flush(
  { id, service, actor, isDryRun }: ImportRun,
  batch: ReadonlyMap<string, TenantInput>,
  { read, invalid, faults }: Progress,
): Promise<Map<string, TenantInput>> {
  const { store, now } = service;
  await store.transact(async (queries) => {
    const nowMs = now();
    const written = await putTenants({ store, queries, actor, nowMs }, [...batch.values()], isDryRun);
    await queries
      .updateTable("tenant_import")
      .set((row) => ({
        read,
        invalid,
        faults: JSON.stringify(faults),
        created: row("created", "+", written.created),
        changed: row("changed", "+", written.changed),
        unchanged: row("unchanged", "+", written.unchanged),
        updated_ms: nowMs,
      }))
      .where("id", "=", id)
      .execute();
  });
  if (!isDryRun && batch.size > 0) service.wake();
  return new Map();
}

async function end(
  store: Store,
  { id, state, nowMs, faults }: { id: string; state: "done" | "failed"; nowMs: number; faults?: readonly RowFault[] },
): Promise<void> {
  const said = faults === undefined ? {} : { faults: JSON.stringify(faults) };
  await store.db
    .updateTable("tenant_import")
    .set({ state, updated_ms: nowMs, ...said })
    .where("id", "=", id)
    .execute();
}

function readRow(row: ImportRow, policy: CompiledPolicy): TenantInput | RowFault {
  const { line } = row;
  if ("fault" in row) return { line, message: row.fault, ...(row.field === undefined ? {} : { field: row.field }) };
  try {
    const fault = faultOfJson(row.value, "", 0);
    if (fault !== undefined) return { line, field: fault.field, message: fault.message };
    const outcome = tenantRow.safeParse(row.value);
    if (!outcome.success) refuseIssues(outcome.error.issues, "");
    const id = outcome.data["id"];
    if (!isTenantId(id)) return { line, field: "id", message: "is no tenant id" };
    const input = tenantInputOf(id, outcome.data);
    checkEntitlement(policy, input);
    checkSize("features", { features: input.features, restrictions: [] });
    return input;
  } catch (error) {
    const problem = problemOfError(error)?.problem;
    if (problem === undefined || problem.status >= 500) throw error;
    const { detail, field } = problem;
    return { line, message: detail, ...(field === undefined ? {} : { field }) };
  }
}
