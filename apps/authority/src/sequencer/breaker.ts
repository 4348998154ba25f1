import { randomUUID } from "node:crypto";
import type { Transaction } from "kysely";
import type { Tables } from "../store/schema.ts";

/** Bounds of the breaker. @see docs/concepts.md */
export interface BreakerLimits {
  /** Share of all tenants that may be narrowed in an hour without a second person. */
  readonly narrowedShare: number;
  /** Below this many in an hour nothing is held, however few tenants there are. */
  readonly narrowedLeast: number;
  /** New locks in ten minutes that need no second person. */
  readonly newLocks: number;
}

/** Two in a hundred and at least 20 tenants an hour; 10 new locks in 10 minutes. */
export const STANDARD_LIMITS: BreakerLimits = { narrowedShare: 0.02, narrowedLeast: 20, newLocks: 10 };

const HOUR_MS = 3_600_000;

/** How many tenants may be narrowed in an hour without a second person's approval. */
export function narrowingAllowed(limits: BreakerLimits, tenants: number): number {
  return Math.max(limits.narrowedLeast - 1, Math.floor(tenants * limits.narrowedShare));
}

/** How many more tenants may be narrowed now without a second person's approval. */
export async function narrowingLeft(
  queries: Transaction<Tables>,
  limits: BreakerLimits,
  tenants: number,
  nowMs: number,
): Promise<number> {
  const { narrowed } = await queries
    .selectFrom("publication")
    .select((select) => select.fn.sum<number | null>("narrowed").as("narrowed"))
    .where("created_ms", ">", nowMs - HOUR_MS)
    .executeTakeFirstOrThrow();
  return Math.max(0, narrowingAllowed(limits, tenants) - Number(narrowed ?? 0));
}

/** The change set of a kind that waits for a second person, founded where there is none. Its id. */
export async function waitingSet(
  queries: Transaction<Tables>,
  { kind, requestedBy, reason, nowMs }: SetToFound,
): Promise<string> {
  const waiting = await queries
    .selectFrom("change_set")
    .select("id")
    .where("state", "=", "waiting")
    .where("kind", "=", kind)
    .executeTakeFirst();
  if (waiting !== undefined) return waiting.id;
  const id = `set_${randomUUID()}`;
  const undecided = { decided_by: null, decided_ms: null, created_ms: nowMs };
  await queries
    .insertInto("change_set")
    .values({ id, state: "waiting", kind, narrowed: 0, requested_by: requestedBy, reason, ...undecided })
    .execute();
  return id;
}

/** What a change set is founded for. */
export interface SetToFound {
  readonly kind: "entitlement" | "locks";
  readonly requestedBy: string;
  readonly reason: string;
  readonly nowMs: number;
}

/**
 * Puts changes that narrow too much at once aside until a second person approves them: they join the change set that
 * waits, or found one.
 */
export async function holdBack(
  queries: Transaction<Tables>,
  { pending, nowMs }: { pending: readonly { readonly id: number; readonly actor: string }[]; nowMs: number },
): Promise<string> {
  const id = await waitingSet(queries, {
    kind: "entitlement",
    requestedBy: pending[0]?.actor ?? "unknown",
    reason: "more tenants narrowed at once than the breaker lets pass",
    nowMs,
  });
  const ids = pending.map((row) => row.id);
  await queries.updateTable("pending").set({ change_set_id: id }).where("id", "in", ids).execute();
  const narrowed = await heldTenants(queries, id);
  await queries.updateTable("change_set").set({ narrowed }).where("id", "=", id).execute();
  return id;
}

/** How many tenants wait in a change set: each counts once, however often it was changed. */
export async function heldTenants(queries: Transaction<Tables>, id: string): Promise<number> {
  const { count } = await queries
    .selectFrom("pending")
    .select((select) => select.fn.count<number>("tenant_id").distinct().as("count"))
    .where("change_set_id", "=", id)
    .where("published_seq", "is", null)
    .executeTakeFirstOrThrow();
  return Number(count);
}
