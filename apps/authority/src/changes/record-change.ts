import type { Transaction } from "kysely";
import type { PendingTable, Tables } from "../store/schema.ts";
import type { Actor } from "./actor.ts";

/** What goes first when there is a queue: locks, then what widens, then the rest, bulk changes last. */
export const PRIORITY = { lock: 0, restore: 1, policy: 2, change: 5, bulk: 9 } as const;

/** A change as the ledger keeps it. */
export interface LedgerEntry {
  readonly action: string;
  /** `tenant:acme`, `policy:…`, `key:…` */
  readonly subject: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Writes a ledger entry in the transaction of the change that it records (L7). */
export async function writeLedger(
  queries: Transaction<Tables>,
  actor: Actor,
  { action, subject, before, after }: LedgerEntry,
  nowMs: number,
): Promise<void> {
  await queries
    .insertInto("ledger")
    .values({
      at_ms: nowMs,
      actor: actor.id,
      role: actor.role,
      reason: actor.reason,
      action,
      subject,
      before: before === undefined ? null : JSON.stringify(before),
      after: after === undefined ? null : JSON.stringify(after),
      correlation_id: actor.correlationId,
    })
    .execute();
}

/** What is enqueued. */
export interface ToEnqueue {
  readonly tenant?: string;
  readonly priority: number;
  readonly actor: Actor;
  readonly nowMs: number;
  /** The change set that must be approved first. */
  readonly changeSet?: string | null;
}

/** Says that something waits for its signature, in the transaction that changed it. Its id, by which to wait for it. */
export async function enqueue(
  queries: Transaction<Tables>,
  kind: PendingTable["kind"],
  { tenant, priority, actor, nowMs, changeSet }: ToEnqueue,
): Promise<number> {
  const { id } = await queries
    .insertInto("pending")
    .values({
      kind,
      tenant_id: tenant ?? null,
      priority,
      change_set_id: changeSet ?? null,
      actor: actor.id,
      created_ms: nowMs,
      published_epoch: null,
      published_seq: null,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return id;
}
