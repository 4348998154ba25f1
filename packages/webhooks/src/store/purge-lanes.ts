import { CHOSEN, chosen, pauseTenant } from "./operate.ts";
import type { Selection } from "./outbox.ts";
import { PURGED } from "./schema.ts";
import { type Chunk, shortTransactions } from "./short-transactions.ts";
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
    await shortTransactions(driver, (session) => removeChunk(session, lane), {
      onCommitted: ({ done }) => {
        purged += done;
        if (done > 0) onProgress?.(purged);
      },
    });
  }
  return purged;
}

/** Ends purges that a process began and did not live to end. How many events went. */
export async function endPurges(driver: SqlDriver, signal?: AbortSignal): Promise<number> {
  const removeFirst = async (session: SqlSession): Promise<Chunk> => {
    const [row] = await session.all("SELECT lane FROM webhook_lane WHERE tenant = $1 ORDER BY lane LIMIT 1", [PURGED]);
    if (row === undefined) return { done: 0, isMore: false };
    return { ...(await removeChunk(session, Number(row["lane"]))), isMore: true };
  };
  let purged = 0;
  const onCommitted = ({ done }: Chunk): void => {
    purged += done;
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

/** Removes one chunk of a lane that is nobody's; the lane itself once it is empty. */
async function removeChunk(session: SqlSession, lane: number): Promise<Chunk> {
  const events = await session.all(
    `DELETE FROM webhook_event WHERE seq IN
      (SELECT seq FROM webhook_event WHERE lane = $1 ORDER BY id LIMIT ${PURGE_CHUNK}) RETURNING seq`,
    [lane],
  );
  if (events.length === 0) {
    await session.all("DELETE FROM webhook_lane WHERE lane = $1 AND tenant = $2", [lane, PURGED]);
  }
  return { done: events.length, isMore: events.length > 0 };
}
