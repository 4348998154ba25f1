import type { Store } from "../store/open-store.ts";

/** The lease of whoever signs. */
export const LEASE = "sequencer";

/** A lease held: `term` is the fence. */
export interface HeldLease {
  readonly name: string;
  readonly holder: string;
  readonly term: number;
}

/**
 * Takes a lease, or prolongs one that `holder` has. The term rises when the holder changes. `undefined` where another
 * holder's has not run out. Whether it has is told by the clock of the store, so that processes whose own clocks differ
 * agree.
 *
 * @param ttlMs how long it is held without being prolonged, in milliseconds
 */
export async function takeLease(
  store: Store,
  { name, holder, nowMs, ttlMs }: { name: string; holder: string; nowMs: number; ttlMs: number },
): Promise<HeldLease | undefined> {
  // Who waits for the lease must not hold its row: its holder reads it under a lock in every signing transaction.
  if (await isAnothers(store, { name, holder, nowMs })) return undefined;
  return store.transact(async (queries) => {
    const clockMs = await store.clockMs(queries, nowMs);
    const untilMs = clockMs + ttlMs;
    const held = await lockRow(store, queries.selectFrom("lease").selectAll().where("name", "=", name));
    if (held === undefined) {
      const row = { name, holder, term: 1, until_ms: untilMs };
      const written = await queries
        .insertInto("lease")
        .values(row)
        .onConflict((conflict) => conflict.column("name").doNothing())
        .executeTakeFirst();
      // Two processes may meet here: one of them wrote the row.
      return written.numInsertedOrUpdatedRows === 1n ? { name, holder, term: 1 } : undefined;
    }
    if (held.holder !== holder && held.until_ms > clockMs) return undefined;
    const term = held.holder === holder ? held.term : held.term + 1;
    await queries.updateTable("lease").set({ holder, term, until_ms: untilMs }).where("name", "=", name).execute();
    return { name, holder, term };
  });
}

async function isAnothers(
  store: Store,
  { name, holder, nowMs }: { name: string; holder: string; nowMs: number },
): Promise<boolean> {
  const held = await store.db.selectFrom("lease").selectAll().where("name", "=", name).executeTakeFirst();
  if (held === undefined || held.holder === holder) return false;
  return held.until_ms > (await store.clockMs(store.db, nowMs));
}

/** Gives a lease back, so that another process need not wait for it to run out. */
export async function releaseLease(store: Store, { name, holder, term }: HeldLease): Promise<void> {
  await store.db
    .updateTable("lease")
    .set({ until_ms: 0 })
    .where("name", "=", name)
    .where("holder", "=", holder)
    .where("term", "=", term)
    .execute();
}

/** Reads one row and, where the engine has rows to lock, holds it to the end of the transaction. */
export function lockRow<T>(
  store: Store,
  query: { forUpdate(): { executeTakeFirst(): Promise<T | undefined> }; executeTakeFirst(): Promise<T | undefined> },
): Promise<T | undefined> {
  return store.engine === "postgres" ? query.forUpdate().executeTakeFirst() : query.executeTakeFirst();
}
