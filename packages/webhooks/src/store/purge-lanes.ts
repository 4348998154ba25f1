import { CHOSEN, chosen, pauseTenant } from "./operate.ts";
import type { Selection } from "./outbox.ts";
import { PURGED } from "./schema.ts";
import { type Chunk, shortTransactions } from "./short-transactions.ts";
import type { SqlDriver, SqlSession } from "./sql-driver.ts";

const PURGE_CHUNK = 1_000;
/** Bytes of payloads removed at once: to overwrite them a store of SQLite needs as much room again, until it lets go. */
const PURGE_BYTES = 1 << 18;

interface Removed extends Chunk {
  readonly bytes: number;
}

/** Removes all that is kept of lanes, and the lanes: out of sight at once, then off the disk, chunk by chunk. */
export async function purgeLanes(
  driver: SqlDriver,
  selection: Selection,
  onProgress?: (done: number) => void,
): Promise<number> {
  // On a full disk this is what makes the room to begin with.
  await driver.forget?.().catch(() => undefined);
  const lanes = await driver.transaction((session) => detach(session, selection));
  let purged = 0;
  const letGo = lettingGo(driver);
  for (const lane of lanes) {
    await shortTransactions(driver, (session) => removeChunk(session, lane), {
      onCommitted: async (removed) => {
        purged += removed.done;
        await letGo(removed);
        if (removed.done > 0) onProgress?.(purged);
      },
    });
  }
  return purged;
}

/** Ends purges that a process began and did not live to end. How many events went. */
export async function endPurges(driver: SqlDriver, signal?: AbortSignal): Promise<number> {
  const removeFirst = async (session: SqlSession): Promise<Removed> => {
    const [row] = await session.all("SELECT lane FROM webhook_lane WHERE tenant = $1 ORDER BY lane LIMIT 1", [PURGED]);
    if (row === undefined) return { done: 0, bytes: 0, isMore: false };
    return { ...(await removeChunk(session, Number(row["lane"]))), isMore: true };
  };
  let purged = 0;
  const letGo = lettingGo(driver);
  const onCommitted = async (removed: Removed): Promise<void> => {
    purged += removed.done;
    await letGo(removed);
  };
  await shortTransactions(driver, removeFirst, { onCommitted, signal });
  return purged;
}

/** From here on the lanes are nobody's: who delivers to the same endpoint begins a new one. */
async function detach(session: SqlSession, selection: Selection): Promise<readonly number[]> {
  const lanes = await session.all(
    `UPDATE webhook_lane SET tenant = '${PURGED}', endpoint = CAST(lane AS TEXT), waiting = 0, bytes = 0, held_from = 0,
      held_upto = 0, gap = NULL, telling = NULL, last_error = NULL, replaying = NULL, paused = 'operator'
      WHERE ${CHOSEN} RETURNING lane`,
    chosen(selection),
  );
  for (const { lane } of lanes) await session.all("DELETE FROM webhook_untold WHERE lane = $1", [Number(lane)]);
  if (selection.endpoint === undefined) {
    await pauseTenant(session, selection.tenant, false);
    await session.all("DELETE FROM webhook_suspension WHERE tenant = $1", [selection.tenant]);
  }
  return lanes.map((row) => Number(row["lane"])).sort((a, b) => a - b);
}

/** Lets go of copies of what was removed whenever that is much. */
function lettingGo(driver: SqlDriver): (removed: Removed) => Promise<void> {
  let bytes = 0;
  return async (removed) => {
    bytes += removed.bytes;
    if (bytes < PURGE_BYTES) return;
    bytes = 0;
    await driver.forget?.();
  };
}

/** Removes one chunk of a lane that is nobody's, at least one event; the lane itself once it is empty. */
async function removeChunk(session: SqlSession, lane: number): Promise<Removed> {
  const events = await session.all(
    `SELECT id, bytes FROM webhook_event WHERE lane = $1 ORDER BY id LIMIT ${PURGE_CHUNK}`,
    [lane],
  );
  const [first] = events;
  if (first === undefined) {
    await session.all("DELETE FROM webhook_lane WHERE lane = $1 AND tenant = $2", [lane, PURGED]);
    return { done: 0, bytes: 0, isMore: false };
  }
  let [done, bytes] = [1, Number(first["bytes"])];
  for (const event of events.slice(1)) {
    if (bytes + Number(event["bytes"]) > PURGE_BYTES) break;
    bytes += Number(event["bytes"]);
    done++;
  }
  const upTo = String(events[done - 1]?.["id"]);
  await session.all("DELETE FROM webhook_event WHERE lane = $1 AND id <= $2", [lane, upTo]);
  return { done, bytes, isMore: true };
}
