import type { OutboxBounds } from "./outbox.ts";
import type { SqlRow, SqlSession } from "./sql-driver.ts";

/** A gap as it is stored: places and instants of its first and last event. */
export interface StoredGap {
  readonly first: number;
  readonly last: number;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly dropped: number;
}

/** Reads a gap from its column. */
export function readGap(column: unknown): StoredGap | undefined {
  return typeof column === "string" ? (JSON.parse(column) as StoredGap) : undefined;
}

const CHUNK = 500;

/**
 * Drops events of a lane, oldest first, and widens its gap by exactly those. They are the oldest that wait, but for the
 * first where it may be under way.
 */
async function drop(session: SqlSession, lane: number, events: readonly SqlRow[]): Promise<number> {
  const [first] = events;
  const last = events.at(-1);
  if (first === undefined || last === undefined) return 0;
  const [row] = await session.all("SELECT gap FROM webhook_lane WHERE lane = $1", [lane]);
  const before = readGap(row?.["gap"]);
  // Operators may let old events wait again: the range is the least and the greatest, not the first and the last told.
  const gap: StoredGap = {
    first: Math.min(before?.first ?? Number.POSITIVE_INFINITY, Number(first["seq"])),
    last: Math.max(before?.last ?? 0, Number(last["seq"])),
    sinceMs: Math.min(before?.sinceMs ?? Number.POSITIVE_INFINITY, ...events.map((event) => Number(event["at_ms"]))),
    untilMs: Math.max(before?.untilMs ?? 0, ...events.map((event) => Number(event["at_ms"]))),
    dropped: (before?.dropped ?? 0) + events.length,
  };
  for (const event of events) await session.all("DELETE FROM webhook_event WHERE seq = $1", [Number(event["seq"])]);
  const bytes = events.reduce((sum, event) => sum + Number(event["bytes"]), 0);
  await session.all("UPDATE webhook_lane SET gap = $2, waiting = waiting - $3, bytes = bytes - $4 WHERE lane = $1", [
    lane,
    JSON.stringify(gap),
    events.length,
    bytes,
  ]);
  return events.length;
}

/**
 * Drops what a tenant has over its bounds, from the endpoint that has most: one that is noisy pushes no other out. What
 * stands first in a lane stays, since it may be under way.
 */
export async function dropOverBounds(session: SqlSession, tenant: string, bounds: OutboxBounds): Promise<number> {
  let dropped = 0;
  for (;;) {
    const [sums] = await session.all(
      "SELECT SUM(waiting) AS waiting, SUM(bytes) AS bytes FROM webhook_lane WHERE tenant = $1",
      [tenant],
    );
    const over = Number(sums?.["waiting"] ?? 0) - bounds.maxEvents;
    let overBytes = Number(sums?.["bytes"] ?? 0) - bounds.maxBytes;
    if (over <= 0 && overBytes <= 0) return dropped;
    const [fullest] = await session.all(
      `SELECT lane, waiting FROM webhook_lane WHERE tenant = $1 AND waiting > 1
        ORDER BY ${over > 0 ? "waiting" : "bytes"} DESC, lane LIMIT 1`,
      [tenant],
    );
    if (fullest === undefined) return dropped;
    const lane = Number(fullest["lane"]);
    const wanted = over > 0 ? Math.min(over, CHUNK) : CHUNK;
    const oldest = await session.all(
      "SELECT seq, at_ms, bytes FROM webhook_event WHERE lane = $1 AND state = 0 ORDER BY seq LIMIT $2",
      [lane, wanted + 1],
    );
    const chosen: SqlRow[] = [];
    for (const event of oldest.slice(1)) {
      if (over <= 0 && overBytes <= 0) break;
      overBytes -= Number(event["bytes"]);
      chosen.push(event);
    }
    if (chosen.length === 0) return dropped;
    dropped += await drop(session, lane, chosen);
  }
}

/** Drops what waits in a lane since before an instant. Only for a lane of which nothing is under way. */
export async function dropAged(session: SqlSession, lane: number, beforeMs: number): Promise<number> {
  let dropped = 0;
  for (;;) {
    const oldest = await session.all(
      "SELECT seq, at_ms, bytes FROM webhook_event WHERE lane = $1 AND state = 0 ORDER BY seq LIMIT $2",
      [lane, CHUNK],
    );
    const young = oldest.findIndex((event) => Number(event["at_ms"]) >= beforeMs);
    dropped += await drop(session, lane, young === -1 ? oldest : oldest.slice(0, young));
    if (young !== -1 || oldest.length < CHUNK) return dropped;
  }
}
