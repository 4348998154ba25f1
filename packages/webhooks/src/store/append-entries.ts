import { dropOverBounds } from "./drop-events.ts";
import type { Appended, NewEntry, OutboxBounds } from "./outbox.ts";
import { STATE, STATE_NAMES } from "./schema.ts";
import { PAUSED_BY_FAILURE } from "./settle-marks.ts";
import type { SqlSession } from "./sql-driver.ts";

interface Placed {
  readonly entry: NewEntry;
  readonly index: number;
}

/**
 * Stores events, lane by lane in the order of their names, so that two processes that append at once wait for each
 * other and never in a circle. A known id changes nothing. How many were dropped for them is added to the outcome.
 */
export async function appendEntries(
  session: SqlSession,
  entries: readonly NewEntry[],
  bounds: OutboxBounds,
): Promise<{ readonly outcomes: readonly Appended[]; readonly dropped: number }> {
  const outcomes: Appended[] = [];
  const lanes = Map.groupBy(
    entries.map((entry, index): Placed => ({ entry, index })),
    ({ entry: { event } }) => `${event.tenant}\0${event.endpoint}`,
  );
  for (const [, placed] of [...lanes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    await appendToLane(session, placed, outcomes);
  }
  let dropped = 0;
  for (const tenant of [...new Set(entries.map(({ event }) => event.tenant))].sort()) {
    dropped += await dropOverBounds(session, tenant, bounds);
  }
  return { outcomes, dropped };
}

async function appendToLane(session: SqlSession, placed: readonly Placed[], outcomes: Appended[]): Promise<void> {
  const first = placed[0] as Placed;
  const { tenant, endpoint } = first.entry.event;
  const lane = await lockLane(session, tenant, endpoint);
  let waiting = 0;
  let bytes = 0;
  let lastHeld = 0;
  const isSuspended =
    placed.some(({ entry }) => entry.isHeld === "if-suspended") && (await isHeldBack(session, tenant));
  const holds = ({ isHeld }: NewEntry): boolean => (isHeld === "if-suspended" ? isSuspended : isHeld);
  for (const { entry, index } of placed) {
    const size = Buffer.byteLength(entry.event.body);
    const isDead = entry.failed !== undefined && entry.failed.nextMs === undefined;
    const seq = await insert(session, lane, entry, { size, isDead });
    if (seq === undefined) {
      outcomes[index] = await stateOf(session, lane, entry.event.id);
      continue;
    }
    outcomes[index] = isSuspended && entry.isHeld === "if-suspended" ? "held" : "new";
    if (isDead) {
      if (entry.failed?.isGone === true)
        await session.all("UPDATE webhook_lane SET paused = 'gone' WHERE lane = $1", [lane]);
      continue;
    }
    waiting++;
    bytes += size;
    if (holds(entry)) lastHeld = seq;
    if (entry.failed?.nextMs !== undefined) {
      await session.all(
        `UPDATE webhook_lane SET attempts = $2, next_ms = $3, last_error = $4, paused = ${PAUSED_BY_FAILURE}
          WHERE lane = $1 AND waiting = 0`,
        [
          lane,
          entry.failed.attempts,
          entry.failed.nextMs,
          entry.failed.error,
          entry.failed.isUnconfigured === true ? 1 : 0,
        ],
      );
    }
  }
  if (waiting > 0) {
    await session.all("UPDATE webhook_lane SET waiting = waiting + $2, bytes = bytes + $3 WHERE lane = $1", [
      lane,
      waiting,
      bytes,
    ]);
  }
  if (lastHeld > 0) await markHeld(session, lane, lastHeld);
  const held = placed.find(({ entry }) => holds(entry));
  if (held !== undefined) await suspend(session, tenant, held.entry.nowMs);
}

/** Every transaction that changes a lane begins with this: it waits for one that has. */
async function lockLane(session: SqlSession, tenant: string, endpoint: string): Promise<number> {
  const [row] = await session.all(
    `INSERT INTO webhook_lane (tenant, endpoint, paused)
      VALUES ($1, $2, CASE WHEN EXISTS (SELECT 1 FROM webhook_pause WHERE tenant = $1) THEN 'operator' END)
      ON CONFLICT (tenant, endpoint) DO UPDATE SET endpoint = excluded.endpoint RETURNING lane`,
    [tenant, endpoint],
  );
  return Number(row?.["lane"]);
}

async function insert(
  session: SqlSession,
  lane: number,
  { event, nowMs }: NewEntry,
  { size, isDead }: { readonly size: number; readonly isDead: boolean },
): Promise<number | undefined> {
  const [row] = await session.all(
    `INSERT INTO webhook_event (lane, id, type, body, bytes, at_ms, state, done_ms)
      VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (lane, id) DO NOTHING RETURNING seq`,
    [lane, event.id, event.type, event.body, size, nowMs, isDead ? STATE.dead : STATE.waiting, isDead ? nowMs : null],
  );
  return row === undefined ? undefined : Number(row["seq"]);
}

async function stateOf(session: SqlSession, lane: number, id: string): Promise<Appended> {
  const [row] = await session.all("SELECT state FROM webhook_event WHERE lane = $1 AND id = $2", [lane, id]);
  return STATE_NAMES[Number(row?.["state"])] ?? "waiting";
}

async function isHeldBack(session: SqlSession, tenant: string): Promise<boolean> {
  const rows = await session.all("SELECT tenant FROM webhook_suspension WHERE tenant = $1 AND resuming = 0", [tenant]);
  return rows.length > 0;
}

/** What waits in a lane up to a place waited because of a mode. */
export async function markHeld(session: SqlSession, lane: number, upto: number): Promise<void> {
  await session.all(
    `UPDATE webhook_lane SET attempts = 0, next_ms = 0, held_upto = $2, held_from = CASE WHEN held_upto > 0 THEN held_from ELSE
      (SELECT MIN(seq) FROM webhook_event e WHERE e.lane = $1 AND e.state = 0) END WHERE lane = $1`,
    [lane, upto],
  );
}

/** Notes since when a tenant may not receive. */
export async function suspend(session: SqlSession, tenant: string, nowMs: number): Promise<void> {
  await session.all(
    "INSERT INTO webhook_suspension (tenant, since_ms) VALUES ($1, $2) ON CONFLICT (tenant) DO UPDATE SET resuming = 0",
    [tenant, nowMs],
  );
}
