import { type CompiledPolicy, isTenantId } from "@dimmer/core";
import { checkWireLock, LIMITS, MAX_TOKEN_BYTES, secondsToWire } from "@dimmer/statement";
import { type Selectable, sql, type Transaction } from "kysely";
import { waitingSet } from "../sequencer/breaker.ts";
import type { LockTable, Tables } from "../store/schema.ts";
import type { Actor } from "./actor.ts";
import { Fault } from "./fault.ts";
import { enqueue, PRIORITY, writeLedger } from "./record-change.ts";
import type { Written } from "./tenants.ts";

/** A lock as it is put. */
export interface LockInput {
  readonly tenant: string;
  readonly cause: string;
  /** The incident. */
  readonly case: string;
  readonly allow: readonly string[];
}

/** What a lock is written under. */
export interface LockWrite {
  readonly queries: Transaction<Tables>;
  readonly policy: CompiledPolicy;
  readonly actor: Actor;
  readonly nowMs: number;
  /** New locks in ten minutes that need no second person. */
  readonly newLocks: number;
}

const WINDOW_MS = 600_000;
/** What stands around the names of a lock in the list, in characters, at most. */
const LOCK_CHARS = 90;
/** What all locks may take: a token is four thirds of its payload, and a twentieth is left for what stands around them. */
const LIST_CHARS = Math.floor(MAX_TOKEN_BYTES["dimmer-locks+jwt"] * 0.75 * 0.95);

/**
 * Locks a tenant, known to the feed or not. The eleventh new lock in ten minutes waits for a second person.
 *
 * @throws {Fault} `invalid` naming the field; `conflict` where the case locks the tenant already on other terms, or the list,
 *   which is always signed whole, has no room for one more
 */
export async function lockTenant(write: LockWrite, input: LockInput): Promise<Written<Omit<LockTable, "id">>> {
  const { queries, policy, actor, nowMs } = write;
  const { tenant, cause, case: case_id, allow } = input;
  if (!isTenantId(tenant)) throw new Fault("invalid", `tenant: ${JSON.stringify(tenant)} is not a tenant id`, "tenant");
  const since_s = secondsToWire(nowMs);
  try {
    checkWireLock({ tenant, cause, case: case_id, since: since_s, allow });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Fault("invalid", message, /^([\w.[\]]+):/.exec(message)?.[1]);
  }
  const unknown = allow.find((capability) => !policy.bits.has(capability));
  if (unknown !== undefined) {
    throw new Fault("invalid", `allow: the active policy has no capability ${JSON.stringify(unknown)}`, "allow");
  }
  const open = await openLocks(queries, tenant);
  const held = open.find((lock) => lock.case_id === case_id);
  if (held !== undefined) {
    if (held.cause === cause && held.allow === JSON.stringify(allow)) return { value: held, pending: [], isNew: false };
    throw new Fault(
      "conflict",
      `tenant ${tenant} is locked for case ${case_id} already, by other terms; lift it first`,
      "case",
    );
  }
  const row = { tenant_id: tenant, case_id, cause, since_s, allow: JSON.stringify(allow) };
  await checkRoom(queries, row);
  const change_set_id = await changeSetFor(write);
  const stored = { ...row, change_set_id, created_ms: nowMs, lifted_ms: null };
  await queries.insertInto("lock").values(stored).execute();
  await writeLedger(queries, actor, { action: "lock.put", subject: `tenant:${tenant}`, after: stored }, nowMs);
  const pending = await enqueue(queries, "locks", {
    priority: PRIORITY.lock,
    actor,
    nowMs,
    changeSet: change_set_id,
  });
  if (change_set_id !== null) await countLocks(queries, change_set_id);
  return { value: stored, pending: [pending], isNew: true };
}

/** Lifts a lock. @throws {Fault} `missing` */
export async function liftLock(
  { queries, actor, nowMs }: LockWrite,
  { tenant, case: caseId }: { readonly tenant: string; readonly case: string },
): Promise<Written<Omit<LockTable, "id">>> {
  const before = (await openLocks(queries, tenant)).find((lock) => lock.case_id === caseId);
  if (before === undefined) throw new Fault("missing", `tenant ${tenant} is not locked for case ${caseId}`);
  await queries.updateTable("lock").set({ lifted_ms: nowMs }).where("id", "=", before.id).execute();
  const after = { ...before, lifted_ms: nowMs };
  await writeLedger(queries, actor, { action: "lock.lift", subject: `tenant:${tenant}`, before, after }, nowMs);
  const pending = await enqueue(queries, "locks", { priority: PRIORITY.lock, actor, nowMs });
  return { value: after, pending: [pending], isNew: false };
}

function openLocks(queries: Transaction<Tables>, tenant: string): Promise<Selectable<LockTable>[]> {
  return queries
    .selectFrom("lock")
    .selectAll()
    .where("tenant_id", "=", tenant)
    .where("lifted_ms", "is", null)
    .execute();
}

/** Refuses the lock with which the list could not be signed: those that wait for a second person have their place too. */
async function checkRoom(
  queries: Transaction<Tables>,
  { tenant_id, case_id, allow }: Pick<LockTable, "tenant_id" | "case_id" | "allow">,
): Promise<void> {
  const { count, chars } = await queries
    .selectFrom("lock")
    .select(({ fn }) => [
      fn.countAll<number>().as("count"),
      sql<number | null>`sum(length(tenant_id) + length(case_id) + length(allow))`.as("chars"),
    ])
    .where("lifted_ms", "is", null)
    .executeTakeFirstOrThrow();
  const locks = Number(count) + 1;
  const wanted = Number(chars ?? 0) + tenant_id.length + case_id.length + allow.length + locks * LOCK_CHARS;
  if (locks <= LIMITS.locks && wanted <= LIST_CHARS) return;
  throw new Fault(
    "conflict",
    `the list of locks is full with ${count}: one more could not be signed; lift locks that are over (GET /v1/locks)`,
  );
}

/** The change set that a new lock waits in, where too many are new; `null` where it may be signed at once. */
async function changeSetFor({ queries, actor, nowMs, newLocks }: LockWrite): Promise<string | null> {
  const { count } = await queries
    .selectFrom("lock")
    .select((select) => select.fn.countAll<number>().as("count"))
    .where("created_ms", ">", nowMs - WINDOW_MS)
    .where("change_set_id", "is", null)
    .executeTakeFirstOrThrow();
  if (Number(count) < newLocks) return null;
  const reason = `more than ${newLocks} new locks in ten minutes`;
  return await waitingSet(queries, { kind: "locks", requestedBy: actor.id, reason, nowMs });
}

/** Writes down how many locks wait in a change set. */
async function countLocks(queries: Transaction<Tables>, id: string): Promise<void> {
  const narrowed = await heldLocks(queries, id);
  await queries.updateTable("change_set").set({ narrowed }).where("id", "=", id).execute();
}

/** How many locks wait in a change set. */
export async function heldLocks(queries: Transaction<Tables>, id: string): Promise<number> {
  const { count } = await queries
    .selectFrom("lock")
    .select((select) => select.fn.countAll<number>().as("count"))
    .where("change_set_id", "=", id)
    .where("lifted_ms", "is", null)
    .executeTakeFirstOrThrow();
  return Number(count);
}
