import { checkWireEntitlement, isTombstone, type WireRestriction } from "@dimmer/statement";
import type { Transaction } from "kysely";
import { heldTenants } from "../sequencer/breaker.ts";
import { wantedLines } from "../sequencer/wanted-lines.ts";
import type { Queries } from "../store/open-store.ts";
import type { ChangeSetTable, Tables } from "../store/schema.ts";
import type { Actor } from "./actor.ts";
import { Fault } from "./fault.ts";
import { heldLocks } from "./locks.ts";
import { writeLedger } from "./record-change.ts";

/** What a change set is decided under. */
export interface ChangeSetWrite {
  readonly queries: Transaction<Tables>;
  readonly actor: Actor;
  readonly nowMs: number;
}

/** A decided change set. */
export interface Decided {
  readonly set: ChangeSetTable;
  /** The change of it that is signed last. */
  readonly pending: readonly number[];
}

/** Everybody whose changes wait in a set. */
export async function requestersOf(queries: Queries, set: ChangeSetTable): Promise<readonly string[]> {
  const rows = await queries
    .selectFrom("pending")
    .select("actor")
    .distinct()
    .where("change_set_id", "=", set.id)
    .orderBy("actor")
    .execute();
  return [...new Set([set.requested_by, ...rows.map(({ actor }) => actor)])];
}

/** How many tenants, or locks, wait in a set now. */
export function countHeld(queries: Transaction<Tables>, { kind, id }: ChangeSetTable): Promise<number> {
  return kind === "locks" ? heldLocks(queries, id) : heldTenants(queries, id);
}

/**
 * Lets a change set pass: it is signed from now on. The approver names how many it narrows, so that nobody approves what
 * has grown since it was looked at, and is none of those who asked (L6).
 *
 * @throws {Fault} `missing`; `conflict` where it is decided, or the count is another; `forbidden` for who asked
 */
export async function approveChangeSet(write: ChangeSetWrite, id: string, narrowed: number): Promise<Decided> {
  const { queries, actor } = write;
  const set = await waitingOne(queries, id);
  const requesters = await requestersOf(queries, set);
  if (requesters.includes(actor.id)) {
    throw new Fault("forbidden", "who asked is not who approves: let somebody else approve it");
  }
  const held = await countHeld(queries, set);
  if (held !== narrowed) {
    throw new Fault(
      "conflict",
      `narrowed: ${narrowed} is not how many it narrows, which is ${held}; look at it again`,
      "narrowed",
    );
  }
  return await decide(write, { ...set, narrowed }, "approved");
}

/**
 * Refuses a change set: its tenants are put back to what is published of them, its locks are lifted. Nothing of it can
 * then be signed along with a later change.
 *
 * @throws {Fault} `missing`; `conflict` where it is decided
 */
export async function rejectChangeSet(write: ChangeSetWrite, id: string): Promise<Decided> {
  const { queries } = write;
  const set = await waitingOne(queries, id);
  if (set.kind === "locks") await liftHeld(write, id);
  else await revertHeld(write, id);
  const decided = await decide(write, set, "rejected");
  // What is pending is now what is published: the sequencer finds nothing new in it.
  await queries.updateTable("pending").set({ change_set_id: null }).where("change_set_id", "=", id).execute();
  return decided;
}

async function waitingOne(queries: Transaction<Tables>, id: string): Promise<ChangeSetTable> {
  const set = await queries.selectFrom("change_set").selectAll().where("id", "=", id).executeTakeFirst();
  if (set === undefined) throw new Fault("missing", `there is no change set ${id}`);
  if (set.state !== "waiting") throw new Fault("conflict", `change set ${id} is ${set.state} already`);
  return set;
}

async function decide(
  { queries, actor, nowMs }: ChangeSetWrite,
  before: ChangeSetTable,
  state: "approved" | "rejected",
): Promise<Decided> {
  const set: ChangeSetTable = { ...before, state, decided_by: actor.id, decided_ms: nowMs };
  await queries.updateTable("change_set").set(set).where("id", "=", set.id).execute();
  const action = state === "approved" ? "change_set.approve" : "change_set.reject";
  await writeLedger(queries, actor, { action, subject: `change_set:${set.id}`, before, after: set }, nowMs);
  const last = await queries
    .selectFrom("pending")
    .select("id")
    .where("change_set_id", "=", set.id)
    .where("published_seq", "is", null)
    .orderBy("priority", "desc")
    .orderBy("id", "desc")
    .executeTakeFirst();
  return { set, pending: last === undefined ? [] : [last.id] };
}

async function liftHeld({ queries, actor, nowMs }: ChangeSetWrite, id: string): Promise<void> {
  const held = await queries
    .selectFrom("lock")
    .selectAll()
    .where("change_set_id", "=", id)
    .where("lifted_ms", "is", null)
    .execute();
  await queries
    .updateTable("lock")
    .set({ lifted_ms: nowMs })
    .where("change_set_id", "=", id)
    .where("lifted_ms", "is", null)
    .execute();
  for (const before of held) {
    const entry = { action: "lock.reject", subject: `tenant:${before.tenant_id}`, before, after: { lifted_ms: nowMs } };
    await writeLedger(queries, actor, entry, nowMs);
  }
}

const BATCH = 500;

async function revertHeld(write: ChangeSetWrite, id: string): Promise<void> {
  const { queries, actor, nowMs } = write;
  const rows = await queries
    .selectFrom("pending")
    .select("tenant_id")
    .distinct()
    .where("change_set_id", "=", id)
    .where("published_seq", "is", null)
    .execute();
  const tenants = rows.flatMap(({ tenant_id }) => tenant_id ?? []);
  for (let start = 0; start < tenants.length; start += BATCH) {
    const ids = tenants.slice(start, start + BATCH);
    const { lines: wanted } = await wantedLines(queries, ids);
    const published = await queries.selectFrom("entitlement").selectAll().where("tenant_id", "in", ids).execute();
    const lines = new Map(published.map(({ tenant_id, line }) => [tenant_id, line]));
    for (const tenant of ids) {
      const line = lines.get(tenant);
      await revert(queries, { tenant, line, nowMs });
      const before = wanted.get(tenant) ?? null;
      await writeLedger(
        queries,
        actor,
        { action: "tenant.revert", subject: `tenant:${tenant}`, before, after: line ?? null },
        nowMs,
      );
    }
  }
}

/** Puts a tenant back to a line of the feed; one that was never published keeps its plan and loses its restrictions. */
async function revert(
  queries: Transaction<Tables>,
  { tenant, line, nowMs }: { tenant: string; line: string | undefined; nowMs: number },
): Promise<void> {
  const wire = line === undefined ? undefined : checkWireEntitlement(JSON.parse(line));
  let restrictions: readonly WireRestriction[] = [];
  if (wire !== undefined && !isTombstone(wire)) {
    restrictions = wire.restrictions ?? [];
    const published = { plan: wire.plan, features: JSON.stringify(wire.features ?? {}), gone_s: null };
    await queries
      .updateTable("tenant")
      .set((row) => ({ ...published, updated_ms: nowMs, revision: row("revision", "+", 1) }))
      .where("id", "=", tenant)
      .execute();
  }
  let open = queries
    .updateTable("restriction")
    .set((row) => ({ cleared_ms: nowMs, updated_ms: nowMs, revision: row("revision", "+", 1) }))
    .where("tenant_id", "=", tenant)
    .where("cleared_ms", "is", null);
  const cases = restrictions.map((restriction) => restriction.case);
  if (cases.length > 0) open = open.where("id", "not in", cases);
  await open.execute();
  for (const { case: id, steps, exception } of restrictions) {
    const published = {
      steps: JSON.stringify(steps),
      exception: exception === undefined ? null : JSON.stringify(exception),
      cleared_ms: null,
    };
    await queries
      .updateTable("restriction")
      .set((row) => ({ ...published, updated_ms: nowMs, revision: row("revision", "+", 1) }))
      .where("id", "=", id)
      .execute();
  }
}
