import { joinGaps, readGap } from "./drop-events.ts";
import { CHOSEN, chosen, pauseTenant } from "./operate.ts";
import type { OutboxBounds, Selection } from "./outbox.ts";
import { STATE } from "./schema.ts";
import { type Chunk, shortTransactions } from "./short-transactions.ts";
import type { SqlDriver, SqlRow, SqlSession } from "./sql-driver.ts";

const REPLAY_CHUNK = 1_000;
/** Stands in `replaying` where dead letters alone are meant; otherwise the instant stands there. */
const DEAD_ALONE = "dead";

/** What was laid out; ids up to `upTo` are done. A crash begins again, which changes nothing. */
interface LaidOut extends Chunk {
  readonly upTo: string;
}

/**
 * Lets dead letters, and what was delivered since an instant, wait again in their old places, chunk by chunk, as many as
 * the tenant has room for. A lane is not sent from until its last chunk is laid out: order is that of places.
 */
export async function replayLanes(
  driver: SqlDriver,
  selection: Selection & { readonly sinceMs?: number | undefined },
  {
    bounds,
    layingOut,
    onProgress,
  }: {
    readonly bounds: OutboxBounds;
    /** Lanes that this process lays out: it need not end them by `endReplays`. */
    readonly layingOut: Set<number>;
    readonly onProgress?: ((done: number) => void) | undefined;
  },
): Promise<number> {
  const lanes = await driver.transaction((session) => begin(session, selection));
  for (const lane of lanes) layingOut.add(lane);
  let replayed = 0;
  const onDone = (done: number): void => {
    replayed += done;
    if (done > 0) onProgress?.(replayed);
  };
  try {
    for (const lane of lanes) await layOutAll(driver, lane, { bounds, onDone });
  } finally {
    for (const lane of lanes) layingOut.delete(lane);
  }
  return replayed;
}

/** Ends replays that a process began and did not live to end. */
export async function endReplays(
  driver: SqlDriver,
  {
    bounds,
    layingOut,
    signal,
  }: {
    readonly bounds: OutboxBounds;
    readonly layingOut: ReadonlySet<number>;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const rows = await driver.transaction(async (session) =>
    session.all("SELECT lane FROM webhook_lane WHERE replaying IS NOT NULL ORDER BY lane"),
  );
  for (const lane of rows.map((row) => Number(row["lane"]))) {
    if (!layingOut.has(lane)) await layOutAll(driver, lane, { bounds, signal });
  }
}

async function layOutAll(
  driver: SqlDriver,
  lane: number,
  {
    bounds,
    onDone,
    signal,
  }: {
    readonly bounds: OutboxBounds;
    readonly onDone?: (done: number) => void;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<void> {
  let from = "";
  const onCommitted = ({ done, upTo }: LaidOut): void => {
    from = upTo;
    onDone?.(done);
  };
  await shortTransactions(driver, (session) => layOut(session, { lane, from, bounds }), { onCommitted, signal });
}

/** Notes on every lane what is to be replayed; where a replay is under way already, the wider of both. */
async function begin(
  session: SqlSession,
  selection: Selection & { readonly sinceMs?: number | undefined },
): Promise<readonly number[]> {
  if (selection.endpoint === undefined) await pauseTenant(session, selection.tenant, false);
  const rows = await session.all(
    `UPDATE webhook_lane SET paused = NULL, attempts = 0, next_ms = 0 WHERE ${CHOSEN} RETURNING lane, replaying`,
    chosen(selection),
  );
  for (const { lane, replaying } of rows) {
    // Instants are stored in whole milliseconds: what came within one that is begun came before it.
    const [before, wanted] = [sinceOf(replaying), Math.ceil(selection.sinceMs ?? Number.POSITIVE_INFINITY)];
    const sinceMs = Math.min(before, wanted);
    await session.all("UPDATE webhook_lane SET replaying = $2 WHERE lane = $1", [
      Number(lane),
      Number.isFinite(sinceMs) ? String(sinceMs) : DEAD_ALONE,
    ]);
    await tellAgain(session, Number(lane));
  }
  return rows.map((row) => Number(row["lane"])).sort((a, b) => a - b);
}

/** What the receiver refused to be told is told again, before what came after it. */
async function tellAgain(session: SqlSession, lane: number): Promise<void> {
  const [aside] = await session.all("DELETE FROM webhook_untold WHERE lane = $1 RETURNING gap", [lane]);
  const untold = readGap(aside?.["gap"]);
  if (untold === undefined) return;
  const [row] = await session.all("SELECT gap FROM webhook_lane WHERE lane = $1", [lane]);
  const gap = joinGaps(readGap(row?.["gap"]), untold);
  await session.all("UPDATE webhook_lane SET gap = $2 WHERE lane = $1", [lane, JSON.stringify(gap)]);
}

/** Since when what was delivered is meant; infinity: none of it. */
function sinceOf(replaying: unknown): number {
  return typeof replaying !== "string" || replaying === DEAD_ALONE ? Number.POSITIVE_INFINITY : Number(replaying);
}

async function layOut(
  session: SqlSession,
  { lane, from, bounds }: { readonly lane: number; readonly from: string; readonly bounds: OutboxBounds },
): Promise<LaidOut> {
  const [row] = await session.all(
    "UPDATE webhook_lane SET waiting = waiting WHERE lane = $1 AND replaying IS NOT NULL RETURNING tenant, replaying",
    [lane],
  );
  // Another process that found it unfinished was faster.
  if (row === undefined) return { done: 0, isMore: false, upTo: from };
  const events = await session.all(
    `SELECT id, state, at_ms, bytes FROM webhook_event WHERE lane = $1 AND id > $2 ORDER BY id LIMIT ${REPLAY_CHUNK}`,
    [lane, from],
  );
  const sinceMs = sinceOf(row["replaying"]);
  const room = await roomOf(session, String(row["tenant"]), bounds);
  const { replayed, bytes, lastId, isFull } = fitting(events, { sinceMs, room });
  if (replayed > 0) {
    await session.all(
      `UPDATE webhook_event SET state = 0, done_ms = NULL WHERE lane = $1 AND id > $2 AND id <= $3
        AND (state = $4 OR (state = $5 AND at_ms >= $6))`,
      [lane, from, lastId, STATE.dead, STATE.sent, Number.isFinite(sinceMs) ? sinceMs : Number.MAX_SAFE_INTEGER],
    );
  }
  const isMore = events.length === REPLAY_CHUNK && !isFull;
  await session.all(
    `UPDATE webhook_lane SET waiting = waiting + $2, bytes = bytes + $3, replaying = ${isMore ? "replaying" : "NULL"}
      WHERE lane = $1`,
    [lane, replayed, bytes],
  );
  return { done: replayed, isMore, upTo: lastId };
}

async function roomOf(
  session: SqlSession,
  tenant: string,
  bounds: OutboxBounds,
): Promise<{ events: number; bytes: number }> {
  const [sums] = await session.all(
    "SELECT SUM(waiting) AS waiting, SUM(bytes) AS bytes FROM webhook_lane WHERE tenant = $1",
    [tenant],
  );
  return {
    events: bounds.maxEvents - Number(sums?.["waiting"] ?? 0),
    bytes: bounds.maxBytes - Number(sums?.["bytes"] ?? 0),
  };
}

/** How far the tenant's room reaches into a chunk. */
function fitting(
  events: readonly SqlRow[],
  { sinceMs, room }: { readonly sinceMs: number; readonly room: { readonly events: number; readonly bytes: number } },
): { readonly replayed: number; readonly bytes: number; readonly lastId: string; readonly isFull: boolean } {
  let replayed = 0;
  let bytes = 0;
  let lastId = "";
  for (const event of events) {
    const state = Number(event["state"]);
    const isMeant = state === STATE.dead || (state === STATE.sent && Number(event["at_ms"]) >= sinceMs);
    if (isMeant) {
      const size = Number(event["bytes"]);
      if (replayed >= room.events || bytes + size > room.bytes) return { replayed, bytes, lastId, isFull: true };
      replayed++;
      bytes += size;
    }
    lastId = String(event["id"]);
  }
  return { replayed, bytes, lastId, isFull: false };
}
