import { DROP_CHUNK, dropAged, widenGap } from "./drop-events.ts";
import type { OutboxBounds } from "./outbox.ts";
import { PURGED, STATE } from "./schema.ts";
import { type Chunk, shortTransactions } from "./short-transactions.ts";
import type { SqlDriver, SqlRow, SqlSession } from "./sql-driver.ts";

/** At most so many rows are let go of in one transaction: it stops others meanwhile. */
const PRUNE_CHUNK = 1_000;

/** What is expired, and who is told how many that were. */
export interface Expiry {
  readonly nowMs: number;
  readonly bounds: OutboxBounds;
  /** Whether this process sends from a lane right now. */
  readonly isSending: (lane: number) => boolean;
  readonly onDropped: (events: number) => void;
  /** Ends it after the transaction that is under way. */
  readonly signal: AbortSignal | undefined;
}

const NOTHING: Chunk = { done: 0, isMore: false };

/** Drops what is too old in lanes that nobody sends: those of suspended tenants, and paused ones. */
export async function dropUnsent(
  driver: SqlDriver,
  { nowMs, bounds, isSending, onDropped, signal }: Expiry,
): Promise<void> {
  const beforeMs = nowMs - bounds.maxAgeMs;
  const lanes = await driver.transaction(async (session) =>
    session.all(
      `SELECT lane, tenant, paused FROM webhook_lane l WHERE waiting > 0 AND tenant <> '${PURGED}'
        AND (SELECT e.at_ms FROM webhook_event e WHERE e.lane = l.lane AND e.state = 0 ORDER BY e.seq LIMIT 1) < $1
        ORDER BY tenant, lane`,
      [beforeMs],
    ),
  );
  for (const row of lanes) {
    const lane = Number(row["lane"]);
    await shortTransactions(
      driver,
      async (session) => {
        if (isSending(lane)) return NOTHING;
        if (await isUnleased(session, driver, String(row["tenant"]))) return dropAged(session, lane, { beforeMs });
        // Somebody sends for the tenant, and from a paused lane one event at most: the one that was under way.
        return row["paused"] === null ? NOTHING : dropAged(session, lane, { beforeMs, spared: 1 });
      },
      { onCommitted: ({ done }) => onDropped(done), signal },
    );
  }
}

/** Whether nobody may send for a tenant; who would take the lease waits until this transaction is over. */
async function isUnleased(session: SqlSession, { nowMs }: SqlDriver, tenant: string): Promise<boolean> {
  const rows = await session.all(
    `INSERT INTO webhook_lease (tenant, holder, fence, until_ms) VALUES ($1, '', 0, 0)
      ON CONFLICT (tenant) DO UPDATE SET fence = webhook_lease.fence WHERE webhook_lease.until_ms <= ${nowMs}
      RETURNING fence`,
    [tenant],
  );
  return rows.length === 1;
}

/** Lets go of what was delivered long enough ago, and of the oldest of it where there is too much. */
export async function pruneSent(driver: SqlDriver, { nowMs, bounds, signal }: Expiry): Promise<void> {
  await shortTransactions(
    driver,
    async (session) => {
      const aged = await session.all(
        `DELETE FROM webhook_event WHERE seq IN (SELECT seq FROM webhook_event
        WHERE state = ${STATE.sent} AND done_ms < $1 ORDER BY done_ms LIMIT ${PRUNE_CHUNK}) RETURNING seq`,
        [nowMs - bounds.keepSentMs],
      );
      return { done: aged.length, isMore: aged.length === PRUNE_CHUNK };
    },
    { signal },
  );
  const [first] = await driver.transaction(async (session) =>
    session.all(
      `SELECT done_ms, seq FROM webhook_event WHERE state = ${STATE.sent}
        ORDER BY done_ms DESC, seq DESC LIMIT 1 OFFSET $1`,
      [bounds.maxKept],
    ),
  );
  if (first === undefined) return;
  await shortTransactions(
    driver,
    async (session) => {
      const over = await session.all(
        `DELETE FROM webhook_event WHERE seq IN (SELECT seq FROM webhook_event
        WHERE state = ${STATE.sent} AND (done_ms < $1 OR (done_ms = $1 AND seq <= $2))
        ORDER BY done_ms LIMIT ${PRUNE_CHUNK}) RETURNING seq`,
        [Number(first["done_ms"]), Number(first["seq"])],
      );
      return { done: over.length, isMore: over.length === PRUNE_CHUNK };
    },
    { signal },
  );
}

/** Lets go of dead letters that are too old, or too many of one tenant: receivers are told of them as of all dropped. */
export async function pruneDead(driver: SqlDriver, { nowMs, bounds, onDropped, signal }: Expiry): Promise<void> {
  await shortTransactions(
    driver,
    async (session) => {
      const aged = await session.all(
        `SELECT seq, lane, at_ms FROM webhook_event WHERE state = ${STATE.dead} AND done_ms < $1
        ORDER BY done_ms LIMIT ${DROP_CHUNK}`,
        [nowMs - bounds.maxAgeMs],
      );
      return { done: await letGo(session, aged), isMore: aged.length === DROP_CHUNK };
    },
    { onCommitted: ({ done }) => onDropped(done), signal },
  );
  const crowded = await driver.transaction(async (session) =>
    session.all(
      `SELECT l.tenant AS tenant FROM webhook_event e JOIN webhook_lane l ON l.lane = e.lane
        WHERE e.state = ${STATE.dead} GROUP BY l.tenant HAVING COUNT(*) > $1`,
      [bounds.maxDead],
    ),
  );
  for (const { tenant } of crowded) {
    await shortTransactions(
      driver,
      async (session) => {
        const over = await session.all(
          `SELECT e.seq AS seq, e.lane AS lane, e.at_ms AS at_ms FROM webhook_event e JOIN webhook_lane l ON l.lane = e.lane
          WHERE l.tenant = $1 AND e.state = ${STATE.dead} ORDER BY e.done_ms DESC, e.seq DESC LIMIT ${DROP_CHUNK} OFFSET $2`,
          [String(tenant), bounds.maxDead],
        );
        return { done: await letGo(session, over), isMore: over.length === DROP_CHUNK };
      },
      { onCommitted: ({ done }) => onDropped(done), signal },
    );
  }
}

async function letGo(session: SqlSession, letters: readonly SqlRow[]): Promise<number> {
  let gone = 0;
  for (const [lane, ofLane] of [...Map.groupBy(letters, (row) => Number(row["lane"]))].sort(([a], [b]) => a - b)) {
    await session.all("UPDATE webhook_lane SET waiting = waiting WHERE lane = $1", [lane]);
    const removed: SqlRow[] = [];
    for (const { seq } of ofLane) {
      // An operator may have replayed it since it was chosen.
      const rows = await session.all(
        `DELETE FROM webhook_event WHERE seq = $1 AND state = ${STATE.dead} RETURNING seq, at_ms`,
        [Number(seq)],
      );
      removed.push(...rows);
    }
    if (removed.length > 0) await widenGap(session, lane, removed);
    gone += removed.length;
  }
  return gone;
}
