import type { Store } from "../store/open-store.ts";

/** Rows of one transaction: whoever writes meanwhile waits for no more than that. */
const BATCH = 500;

/**
 * Forgets what came in and what was told and has been settled since before `beforeMs`: messages that were done or ignored,
 * and events that no endpoint still waits for. At most 500 of each, each kind in a transaction of its own. Facts, the
 * ledger, notices and their evidence are never touched, and neither is a message that nobody could follow yet.
 *
 * @param beforeMs Unix milliseconds
 * @returns how many rows are gone; 0 where nothing is left
 */
export async function forgetSettled(store: Store, beforeMs: number): Promise<number> {
  return (await forgetMessages(store, beforeMs)) + (await forgetEvents(store, beforeMs));
}

function forgetMessages(store: Store, beforeMs: number): Promise<number> {
  return store.transact(async (queries) => {
    const over = await queries
      .selectFrom("inbox")
      .select(["source", "id"])
      .where("state", "in", ["done", "ignored"])
      .where("updated_ms", "<", beforeMs)
      .limit(BATCH)
      .execute();
    for (const [source, rows] of Map.groupBy(over, (row) => row.source)) {
      const ids = rows.map(({ id }) => id);
      await queries.deleteFrom("inbox").where("source", "=", source).where("id", "in", ids).execute();
    }
    return over.length;
  });
}

function forgetEvents(store: Store, beforeMs: number): Promise<number> {
  return store.transact(async (queries) => {
    const over = await queries
      .selectFrom("outgoing_event")
      .select("id")
      .where("created_ms", "<", beforeMs)
      .where((where) =>
        where.not(
          where.exists(
            where
              .selectFrom("event_delivery")
              .select("event_delivery.event_id")
              .whereRef("event_delivery.event_id", "=", "outgoing_event.id")
              .where("event_delivery.state", "=", "queued"),
          ),
        ),
      )
      .orderBy("seq")
      .limit(BATCH)
      .execute();
    const ids = over.map(({ id }) => id);
    if (ids.length === 0) return 0;
    await queries.deleteFrom("event_delivery").where("event_id", "in", ids).execute();
    await queries.deleteFrom("outgoing_event").where("id", "in", ids).execute();
    return ids.length;
  });
}
