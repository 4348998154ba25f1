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

/** At which instant it is looked, and what is too old or waits for too long by then. */
export interface Look {
  readonly nowMs: number;
  readonly maxAgeMs: number;
  readonly longestWaitMs: number;
}

/** Finds what a lane sends next, changing nothing; undefined where something is to be changed first: `nextItem` does. */
export async function peekItem(session: SqlSession, lane: number, look: Look): Promise<FoundItem | undefined> {
  const found = judge(await readLane(session, lane), look);
  return found === "aged" || found === "gap" ? undefined : { item: found, dropped: 0 };
}

/**
 * Finds what a lane sends next. A gap is told in its place: once what stands before it is gone. It is frozen before it
 * is told, so that what is dropped meanwhile begins another.
 */
export async function nextItem(session: SqlSession, lane: number, look: Look): Promise<FoundItem> {
  let dropped = 0;
  let row = await readLane(session, lane);
  if (judge(row, look) === "aged") {
    const aged = await dropAged(session, lane, { beforeMs: look.nowMs - look.maxAgeMs });
    dropped = aged.done;
    if (aged.isMore) return { item: undefined, dropped, isMore: true };
    row = await readLane(session, lane);
  }
  const found = judge(row, look);
  if (found === "aged") return { item: undefined, dropped, isMore: true };
  if (found !== "gap") return { item: found, dropped };
  // What is told is what was frozen: it may have been widened since it was read.
  const [frozen] = await session.all(
    "UPDATE webhook_lane SET telling = gap, gap = NULL WHERE lane = $1 RETURNING telling, attempts",
    [lane],
  );
  const telling = readGap(frozen?.["telling"]);
  return { item: telling === undefined ? undefined : gapItem(telling, Number(frozen?.["attempts"])), dropped };
}

/** What stands first in a lane; `aged`: it is too old; `gap`: what was dropped is to be told before it. */
function judge(
  row: SqlRow | undefined,
  { nowMs, maxAgeMs, longestWaitMs }: Look,
): NextItem | "aged" | "gap" | undefined {
  if (row === undefined || !isOpen(row) || !isDue(Number(row["next_ms"]), nowMs, longestWaitMs)) return undefined;
  const seq = row["seq"] === null ? undefined : Number(row["seq"]);
  if (seq !== undefined && Number(row["at_ms"]) < nowMs - maxAgeMs) return "aged";
  const attempts = Number(row["attempts"]);
  const telling = readGap(row["telling"]);
  if (telling !== undefined) return gapItem(telling, attempts);
  const gap = readGap(row["gap"]);
  if (gap !== undefined && (seq === undefined || seq > gap.first)) return "gap";
  if (seq === undefined) return undefined;
  return {
    kind: "event",
    seq,
    id: String(row["id"]),
    type: String(row["type"]),
    body: String(row["body"]),
    atMs: Number(row["at_ms"]),
    isReplay: seq >= Number(row["held_from"]) && seq <= Number(row["held_upto"]),
    attempts,
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

/** A lane and what stands first in it, read at one instant. */
async function readLane(session: SqlSession, lane: number): Promise<SqlRow | undefined> {
  const [row] = await session.all(
    `SELECT l.held_from, l.held_upto, l.attempts, l.next_ms, l.paused, l.replaying, l.gap, l.telling,
      e.seq, e.id, e.type, e.body, e.at_ms FROM webhook_lane l LEFT JOIN webhook_event e
      ON e.seq = (SELECT MIN(f.seq) FROM webhook_event f WHERE f.lane = l.lane AND f.state = 0) WHERE l.lane = $1`,
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
