import { joinGaps, readGap } from "./drop-events.ts";
import { lockLanes } from "./lock-lanes.ts";
import type { FailedAttempt, Lease, Mark } from "./outbox.ts";
import { STATE } from "./schema.ts";
import type { SqlSession } from "./sql-driver.ts";

/**
 * Writes down what attempts came to: events that arrived in a few statements however many they are, all else mark by
 * mark. A mark whose lease is another's by now changes nothing: its holder was away for too long, and somebody else
 * sends.
 */
export async function settleMarks(session: SqlSession, marks: readonly Mark[]): Promise<readonly boolean[]> {
  const holds = await heldLeases(session, marks);
  const outcomes = marks.map(({ lease }) => holds.has(leaseKey(lease)));
  const taken = marks.filter((_, index) => outcomes[index] === true);
  await lockLanes(session, [...new Set(taken.map(({ lane }) => lane))]);
  // Of one lane, the later marks stand on the earlier.
  const lanes = Map.groupBy(taken, ({ lane }) => lane);
  const isPlain = ({ lane, item, failed }: Mark): boolean =>
    item.kind === "event" && failed === undefined && lanes.get(lane)?.length === 1;
  await settleArrived(session, taken.filter(isPlain));
  for (const mark of taken) if (!isPlain(mark)) await settle(session, mark);
  return outcomes;
}

const leaseKey = ({ tenant, fence }: Lease): string => `${tenant}\0${fence}`;

/** Updates rather than reads: a transaction that would take a lease waits until this one is over. */
async function heldLeases(session: SqlSession, marks: readonly Mark[]): Promise<ReadonlySet<string>> {
  const leases = new Map(marks.map(({ lease }) => [leaseKey(lease), lease]));
  const rows = await session.each(
    `UPDATE webhook_lease SET fence = fence FROM given WHERE tenant = given_tenant AND fence = given_fence
      RETURNING tenant, fence`,
    { given_tenant: "TEXT", given_fence: "BIGINT" },
    [...leases].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { tenant, fence }]) => [tenant, fence]),
  );
  return new Set(rows.map((row) => leaseKey({ tenant: String(row["tenant"]), fence: Number(row["fence"]) })));
}

/** Events that arrived, each of another lane. */
async function settleArrived(session: SqlSession, marks: readonly Mark[]): Promise<void> {
  const rows = await session.each(
    `UPDATE webhook_event SET state = ${STATE.sent}, done_ms = given_ms FROM given
      WHERE lane = given_lane AND seq = given_seq AND state = 0 RETURNING lane, bytes`,
    { given_lane: "BIGINT", given_seq: "BIGINT", given_ms: "BIGINT" },
    marks.map(({ lane, item, nowMs }) => [lane, item.seq, nowMs]),
  );
  const settled = new Map(rows.map((row) => [Number(row["lane"]), Number(row["bytes"])]));
  await session.each(
    `UPDATE webhook_lane SET waiting = waiting - less, bytes = bytes - less_bytes, attempts = 0, next_ms = 0,
      last_error = NULL, paused = CASE WHEN paused = 'unconfigured' THEN NULL ELSE paused END,
      held_from = CASE WHEN waiting = less THEN 0 ELSE held_from END,
      held_upto = CASE WHEN waiting = less THEN 0 ELSE held_upto END FROM given WHERE lane = given_lane`,
    { given_lane: "BIGINT", less: "BIGINT", less_bytes: "BIGINT" },
    marks.map(({ lane }) => [lane, settled.has(lane) ? 1 : 0, settled.get(lane) ?? 0]),
  );
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
