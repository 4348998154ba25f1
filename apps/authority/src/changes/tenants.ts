import type { CompiledPolicy } from "@dimmer/core";
import { secondsToWire } from "@dimmer/statement";
import type { Transaction } from "kysely";
import { type FactWrite, noteContacts, wakeCasesOf } from "../cases/record-fact.ts";
import { lockRow } from "../sequencer/lease.ts";
import type { Store } from "../store/open-store.ts";
import type { Tables, TenantTable } from "../store/schema.ts";
import type { Actor } from "./actor.ts";
import { checkEntitlement, checkSize } from "./check-entitlement.ts";
import { Fault } from "./fault.ts";
import { enqueue, PRIORITY, writeLedger } from "./record-change.ts";
import { restrictionsInForce, wireRestriction } from "./restriction-rows.ts";

/** A tenant as it is put: all that the authority knows of it but its restrictions and locks. */
export interface TenantInput {
  readonly id: string;
  readonly name: string;
  readonly plan: string;
  /** Overrides of the plan's features. */
  readonly features: Readonly<Record<string, unknown>>;
  readonly zone?: string | undefined;
  readonly locale?: string | undefined;
  readonly criticality?: string | undefined;
  readonly contacts: readonly unknown[];
  readonly contract: Readonly<Record<string, unknown>>;
}

/** What a write made. */
export interface Written<T> {
  readonly value: T;
  /** The pending changes to wait for; empty where nothing that is published has changed. */
  readonly pending: readonly number[];
  readonly isNew: boolean;
}

/** What a write of a tenant is made under. */
export interface TenantWrite {
  readonly store: Store;
  readonly queries: Transaction<Tables>;
  readonly policy: CompiledPolicy;
  readonly actor: Actor;
  readonly nowMs: number;
  /** The revision that the caller has seen; another one in the store is a conflict. */
  readonly ifRevision?: number | undefined;
  /** A bulk import goes behind everything else. */
  readonly isBulk?: boolean;
}

/**
 * Puts a tenant: writes it, its ledger entry and what is pending in the caller's transaction. A tenant that was removed
 * comes back. Putting what is there already changes nothing.
 *
 * @throws {Fault} `invalid` naming the field; `outdated` where `ifRevision` is not the store's
 */
export async function putTenant(write: TenantWrite, input: TenantInput): Promise<Written<TenantTable>> {
  const { store, queries, policy, actor, nowMs, isBulk = false } = write;
  const before = await lockRow(store, queries.selectFrom("tenant").selectAll().where("id", "=", input.id));
  checkEntitlement(policy, input);
  if (JSON.stringify(input.features).length > (before?.features.length ?? 0)) {
    const restrictions = before === undefined ? [] : await restrictionsInForce(queries, input.id);
    checkSize("features", { features: input.features, restrictions: restrictions.map(wireRestriction) });
  }
  checkRevision(write, before?.revision ?? 0, `tenant ${input.id}`);
  const row = rowOf(input, before, nowMs);
  if (before === undefined) await queries.insertInto("tenant").values(row).execute();
  else if (isSame(before, row)) return { value: before, pending: [], isNew: false };
  else await queries.updateTable("tenant").set(row).where("id", "=", input.id).execute();
  await writeLedger(queries, actor, { action: "tenant.put", subject: `tenant:${input.id}`, before, after: row }, nowMs);
  if (before !== undefined) await noteChange(write, before, row);
  const priority = isBulk ? PRIORITY.bulk : PRIORITY.change;
  const pending = isPublishedSame(before, row)
    ? []
    : [await enqueue(queries, "entitlement", { tenant: input.id, priority, actor, nowMs })];
  return { value: row, pending, isNew: before === undefined };
}

/**
 * Removes a tenant: from then on the feed has a tombstone for it. Its restrictions end with it; its locks hold.
 *
 * @throws {Fault} `missing`; `outdated`
 */
export async function removeTenant(write: TenantWrite, id: string): Promise<Written<TenantTable>> {
  const { store, queries, actor, nowMs } = write;
  const before = await lockRow(store, queries.selectFrom("tenant").selectAll().where("id", "=", id));
  if (before === undefined || before.gone_s !== null) throw new Fault("missing", `there is no tenant ${id}`);
  checkRevision(write, before.revision, `tenant ${id}`);
  const row = { ...before, revision: before.revision + 1, updated_ms: nowMs, gone_s: secondsToWire(nowMs) };
  await queries.updateTable("tenant").set(row).where("id", "=", id).execute();
  await queries
    .updateTable("restriction")
    .set((row) => ({ cleared_ms: nowMs, updated_ms: nowMs, revision: row("revision", "+", 1) }))
    .where("tenant_id", "=", id)
    .where("cleared_ms", "is", null)
    .execute();
  await wakeCasesOf(queries, id);
  await writeLedger(queries, actor, { action: "tenant.remove", subject: `tenant:${id}`, before, after: row }, nowMs);
  const pending = await enqueue(queries, "entitlement", { tenant: id, priority: PRIORITY.change, actor, nowMs });
  return { value: row, pending: [pending], isNew: false };
}

/** Tells the cases of a tenant what they are planned from. */
export async function noteChange(write: FactWrite, before: TenantTable, after: TenantTable): Promise<void> {
  if (before.contacts !== after.contacts) await noteContacts(write, after);
  if (before.zone !== after.zone || before.criticality !== after.criticality)
    await wakeCasesOf(write.queries, after.id);
}

/** Compares the revision that the caller has seen. @throws {Fault} `outdated` */
export function checkRevision(
  { ifRevision }: { ifRevision?: number | undefined },
  revision: number,
  what: string,
): void {
  if (ifRevision === undefined || ifRevision === revision) return;
  throw new Fault(
    "outdated",
    `${what} is at revision ${revision}, not ${ifRevision}: read it again and repeat the change`,
  );
}

/** The row that an input makes, one revision after `before`. */
export function rowOf(input: TenantInput, before: TenantTable | undefined, nowMs: number): TenantTable {
  return {
    id: input.id,
    name: input.name,
    plan: input.plan,
    features: JSON.stringify(input.features),
    zone: input.zone ?? null,
    locale: input.locale ?? null,
    criticality: input.criticality ?? null,
    contacts: JSON.stringify(input.contacts),
    contract: JSON.stringify(input.contract),
    revision: (before?.revision ?? 0) + 1,
    created_ms: before?.created_ms ?? nowMs,
    updated_ms: nowMs,
    gone_s: null,
  };
}

/** Whether what the feed has of a tenant is the same in both. */
export function isPublishedSame(before: TenantTable | undefined, after: TenantTable): boolean {
  return before?.gone_s === null && before.plan === after.plan && before.features === after.features;
}

const COMPARED = [
  "name",
  "plan",
  "features",
  "zone",
  "locale",
  "criticality",
  "contacts",
  "contract",
  "gone_s",
] as const;

/** Whether putting a row changes nothing. */
export function isSame(before: TenantTable, after: TenantTable): boolean {
  return COMPARED.every((field) => before[field] === after[field]);
}
