import { dropAged, readGap, type StoredGap } from "./drop-events.ts";
import type { NextItem } from "./outbox.ts";
import type { SqlRow, SqlSession } from "./sql-driver.ts";

/** What a lane sends next, and how many events were dropped for their age to find it. */
export interface FoundItem {
  readonly item: NextItem | undefined;
  readonly dropped: number;
  /** More are too old than one transaction drops: ask again. */
  readonly isMore?: boolean;
}

/**
 * Finds what a lane sends next. A gap is told in its place: once what stands before it is gone. It is frozen before it
 * is told, so that what is dropped meanwhile begins another.
 */
export async function nextItem(
  session: SqlSession,
  lane: number,
  {
    nowMs,
    maxAgeMs,
    longestWaitMs,
  }: { readonly nowMs: number; readonly maxAgeMs: number; readonly longestWaitMs: number },
): Promise<FoundItem> {
  let dropped = 0;
  let row = await readLane(session, lane);
  if (row === undefined || !isOpen(row) || !isDue(Number(row["next_ms"]), nowMs, longestWaitMs))
    return { item: undefined, dropped };
  let head = await readHead(session, lane);
  if (head !== undefined && Number(head["at_ms"]) < nowMs - maxAgeMs) {
    const aged = await dropAged(session, lane, nowMs - maxAgeMs);
    dropped = aged.dropped;
    if (aged.isMore) return { item: undefined, dropped, isMore: true };
    row = (await readLane(session, lane)) as SqlRow;
    head = await readHead(session, lane);
  }
  const attempts = Number(row["attempts"]);
  const telling = readGap(row["telling"]);
  if (telling !== undefined) return { item: gapItem(telling, attempts), dropped };
  const gap = readGap(row["gap"]);
  if (gap !== undefined && (head === undefined || Number(head["seq"]) > gap.first)) {
    await session.all("UPDATE webhook_lane SET telling = gap, gap = NULL WHERE lane = $1", [lane]);
    return { item: gapItem(gap, attempts), dropped };
  }
  if (head === undefined) return { item: undefined, dropped };
  const seq = Number(head["seq"]);
  return {
    item: {
      kind: "event",
      seq,
      id: String(head["id"]),
      type: String(head["type"]),
      body: String(head["body"]),
      atMs: Number(head["at_ms"]),
      isReplay: seq >= Number(row["held_from"]) && seq <= Number(row["held_upto"]),
      attempts,
    },
    dropped,
  };
}

/** Whether anything may be sent. An unconfigured endpoint is asked about again when its wait is over. */
function isOpen(lane: SqlRow): boolean {
  return (lane["paused"] === null || lane["paused"] === "unconfigured") && lane["replaying"] === null;
}

/** Whether a wait is over, or is one that nobody can have meant. Never throws. */
function isDue(nextMs: number, nowMs: number, longestWaitMs: number): boolean {
  return nextMs <= nowMs || nextMs > nowMs + longestWaitMs;
}

async function readLane(session: SqlSession, lane: number): Promise<SqlRow | undefined> {
  const [row] = await session.all(
    "SELECT held_from, held_upto, attempts, next_ms, paused, replaying, gap, telling FROM webhook_lane WHERE lane = $1",
    [lane],
  );
  return row;
}

async function readHead(session: SqlSession, lane: number): Promise<SqlRow | undefined> {
  const [row] = await session.all(
    "SELECT seq, id, type, body, at_ms FROM webhook_event WHERE lane = $1 AND state = 0 ORDER BY seq LIMIT 1",
    [lane],
  );
  return row;
}

function gapItem(gap: StoredGap, attempts: number): NextItem {
  const { first, last, sinceMs, untilMs, dropped } = gap;
  const body = {
    type: "resync.required",
    timestamp: new Date(untilMs).toISOString(),
    data: { since: new Date(sinceMs).toISOString(), until: new Date(untilMs).toISOString(), dropped },
  };
  return {
    kind: "gap",
    seq: first,
    id: `resync_${sinceMs}_${first}_${last}_${dropped}`,
    type: "resync.required",
    body: JSON.stringify(body),
    atMs: untilMs,
    isReplay: false,
    attempts,
    gap: { sinceMs, untilMs, dropped },
  };
}
