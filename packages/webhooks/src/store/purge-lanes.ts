import { CHOSEN, chosen, pauseTenant } from "./operate.ts";
import type { Selection } from "./outbox.ts";
import { PURGED } from "./schema.ts";
import { shortTransactions } from "./short-transactions.ts";
import type { SqlDriver, SqlSession } from "./sql-driver.ts";

const PURGE_CHUNK = 1_000;

/** Removes all that is kept of lanes, and the lanes: out of sight at once, then off the disk, chunk by chunk. */
export async function purgeLanes(
  driver: SqlDriver,
  selection: Selection,
  onProgress?: (done: number) => void,
): Promise<number> {
  const lanes = await driver.transaction((session) => detach(session, selection));
  let purged = 0;
  for (const lane of lanes) {
    await shortTransactions(driver, async (session) => {
      const removed = await removeChunk(session, lane);
      purged += removed;
      if (removed > 0) onProgress?.(purged);
      return removed > 0;
    });
  }
  return purged;
}

/** Ends purges that a process began and did not live to end. */
export async function endPurges(driver: SqlDriver, signal?: AbortSignal): Promise<void> {
  const removeFirst = async (session: SqlSession): Promise<boolean> => {
    const [row] = await session.all("SELECT lane FROM webhook_lane WHERE tenant = $1 ORDER BY lane LIMIT 1", [PURGED]);
    if (row === undefined) return false;
    await removeChunk(session, Number(row["lane"]));
    return true;
  };
  await shortTransactions(driver, removeFirst, signal);
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

/** Removes one chunk of a lane that is nobody's; the lane itself once it is empty. How many events. */
async function removeChunk(session: SqlSession, lane: number): Promise<number> {
  const events = await session.all(
    `DELETE FROM webhook_event WHERE seq IN
      (SELECT seq FROM webhook_event WHERE lane = $1 ORDER BY id LIMIT ${PURGE_CHUNK}) RETURNING seq`,
    [lane],
  );
  if (events.length === 0) {
    await session.all("DELETE FROM webhook_lane WHERE lane = $1 AND tenant = $2", [lane, PURGED]);
  }
  return events.length;
}
