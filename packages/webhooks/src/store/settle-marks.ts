import { joinGaps, readGap } from "./drop-events.ts";
import type { FailedAttempt, Mark } from "./outbox.ts";
import { STATE } from "./schema.ts";
import type { SqlSession } from "./sql-driver.ts";

/**
 * Writes down what attempts came to, in the order of lanes. A mark whose lease is another's by now changes nothing: its
 * holder was away for too long, and somebody else sends.
 */
export async function settleMarks(session: SqlSession, marks: readonly Mark[]): Promise<readonly boolean[]> {
  const holds = new Map<string, boolean>();
  for (const tenant of [...new Set(marks.map(({ lease }) => lease.tenant))].sort()) {
    for (const { lease } of marks) {
      const key = `${tenant}\0${lease.fence}`;
      if (lease.tenant === tenant && !holds.has(key)) holds.set(key, await isHeld(session, tenant, lease.fence));
    }
  }
  const outcomes: boolean[] = [];
  for (const [index, mark] of [...marks.entries()].sort(([, a], [, b]) => a.lane - b.lane)) {
    const isHolder = holds.get(`${mark.lease.tenant}\0${mark.lease.fence}`) === true;
    if (isHolder) await settle(session, mark);
    outcomes[index] = isHolder;
  }
  return outcomes;
}

/** Updates rather than reads: a transaction that would take the lease waits until this one is over. */
async function isHeld(session: SqlSession, tenant: string, fence: number): Promise<boolean> {
  const rows = await session.all(
    "UPDATE webhook_lease SET fence = fence WHERE tenant = $1 AND fence = $2 RETURNING fence",
    [tenant, fence],
  );
  return rows.length === 1;
}

async function settle(session: SqlSession, { lane, item, nowMs, failed }: Mark): Promise<void> {
  if (failed?.nextMs !== undefined) return await waitAgain(session, lane, failed);
  if (item.kind === "gap") {
    // Who is gone is told once it is let go on; who refuses to be told is not asked for ever.
    if (failed !== undefined && failed.isGone !== true) await setAside(session, lane);
    if (failed?.isGone !== true) await session.all("UPDATE webhook_lane SET telling = NULL WHERE lane = $1", [lane]);
  } else {
    const state = failed === undefined ? STATE.sent : STATE.dead;
    const [row] = await session.all(
      "UPDATE webhook_event SET state = $2, done_ms = $3 WHERE seq = $1 AND state = 0 RETURNING bytes",
      [item.seq, state, nowMs],
    );
    if (row !== undefined) {
      await session.all("UPDATE webhook_lane SET waiting = waiting - 1, bytes = bytes - $2 WHERE lane = $1", [
        lane,
        Number(row["bytes"]),
      ]);
    }
  }
  await session.all(
    `UPDATE webhook_lane SET attempts = 0, next_ms = 0, last_error = $2,
      paused = CASE WHEN $3 = 1 THEN 'gone' WHEN paused = 'unconfigured' THEN NULL ELSE paused END,
      held_from = CASE WHEN waiting = 0 THEN 0 ELSE held_from END,
      held_upto = CASE WHEN waiting = 0 THEN 0 ELSE held_upto END WHERE lane = $1`,
    [lane, failed?.error ?? null, failed?.isGone === true ? 1 : 0],
  );
}

async function setAside(session: SqlSession, lane: number): Promise<void> {
  const [row] = await session.all("SELECT telling FROM webhook_lane WHERE lane = $1", [lane]);
  const told = readGap(row?.["telling"]);
  if (told === undefined) return;
  const [before] = await session.all("SELECT gap FROM webhook_untold WHERE lane = $1", [lane]);
  await session.all(
    "INSERT INTO webhook_untold (lane, gap) VALUES ($1, $2) ON CONFLICT (lane) DO UPDATE SET gap = excluded.gap",
    [lane, JSON.stringify(joinGaps(readGap(before?.["gap"]), told))],
  );
}

async function waitAgain(session: SqlSession, lane: number, failed: FailedAttempt): Promise<void> {
  await session.all(
    `UPDATE webhook_lane SET attempts = $2, next_ms = $3, last_error = $4, paused = ${PAUSED_BY_FAILURE} WHERE lane = $1`,
    [lane, failed.attempts, failed.nextMs ?? 0, failed.error, failed.isUnconfigured === true ? 1 : 0],
  );
}

/** An operator's pause stays; that nobody knows the endpoint is over once something was tried. `$5`: nobody knows it. */
export const PAUSED_BY_FAILURE: string =
  "CASE WHEN $5 = 1 AND paused IS NULL THEN 'unconfigured' WHEN $5 = 0 AND paused = 'unconfigured' THEN NULL ELSE paused END";
