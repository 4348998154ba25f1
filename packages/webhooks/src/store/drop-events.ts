import { lockLanes } from "./lock-lanes.ts";
import type { OutboxBounds } from "./outbox.ts";
import type { Chunk } from "./short-transactions.ts";
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

/** One range over two. Never throws. */
export function joinGaps(a: StoredGap | undefined, b: StoredGap): StoredGap {
  if (a === undefined) return b;
  return {
    first: Math.min(a.first, b.first),
    last: Math.max(a.last, b.last),
    sinceMs: Math.min(a.sinceMs, b.sinceMs),
    untilMs: Math.max(a.untilMs, b.untilMs),
    dropped: a.dropped + b.dropped,
  };
}

/** At most so many events are dropped at once: others wait meanwhile. */
export const DROP_CHUNK = 500;

/** Widens the gap of a lane by exactly these events. The lane's row is locked by then. */
export async function widenGap(session: SqlSession, lane: number, events: readonly SqlRow[]): Promise<void> {
  const [row] = await session.all("SELECT gap FROM webhook_lane WHERE lane = $1", [lane]);
  const [places, instants] = [column(events, "seq"), column(events, "at_ms")];
  // Operators may let old events wait again: the range is the least and the greatest, not the first and the last told.
  const gap = joinGaps(readGap(row?.["gap"]), {
    first: Math.min(...places),
    last: Math.max(...places),
    sinceMs: Math.min(...instants),
    untilMs: Math.max(...instants),
    dropped: events.length,
  });
  await session.all("UPDATE webhook_lane SET gap = $2 WHERE lane = $1", [lane, JSON.stringify(gap)]);
}

const column = (rows: readonly SqlRow[], name: string): number[] => rows.map((row) => Number(row[name]));

/**
 * Drops waiting events of a lane that stand next to each other, in order, and widens its gap by exactly those that went.
 * The lane is locked by then: what is chosen must still wait when it goes.
 */
async function drop(session: SqlSession, lane: number, events: readonly SqlRow[]): Promise<number> {
  const [first, last] = [events[0], events.at(-1)];
  if (first === undefined || last === undefined) return 0;
  const gone = await session.all(
    `DELETE FROM webhook_event WHERE lane = $1 AND state = 0 AND seq BETWEEN $2 AND $3
      RETURNING seq, at_ms, bytes`,
    [lane, Number(first["seq"]), Number(last["seq"])],
  );
  if (gone.length === 0) return 0;
  const bytes = column(gone, "bytes").reduce((sum, size) => sum + size, 0);
  await session.all("UPDATE webhook_lane SET waiting = waiting - $2, bytes = bytes - $3 WHERE lane = $1", [
    lane,
    gone.length,
    bytes,
  ]);
  await widenGap(session, lane, gone);
  return gone.length;
}

/**
 * Drops what tenants, in the order of their names, have over their bounds, each from the endpoint that has most: one that
 * is noisy pushes no other out. What stands first in a lane stays, since it may be under way.
 */
export async function dropOverBounds(
  session: SqlSession,
  tenants: readonly string[],
  bounds: OutboxBounds,
): Promise<number> {
  const rows = await session.each(
    `SELECT tenant, SUM(waiting) AS waiting, SUM(bytes) AS bytes FROM webhook_lane
      WHERE tenant IN (SELECT given_tenant FROM given) GROUP BY tenant`,
    { given_tenant: "TEXT" },
    tenants.map((tenant) => [tenant]),
  );
  const over = rows
    .filter(({ waiting, bytes }) => Number(waiting) > bounds.maxEvents || Number(bytes) > bounds.maxBytes)
    .map(({ tenant }) => String(tenant));
  let dropped = 0;
  for (const tenant of over.sort()) dropped += await dropOver(session, tenant, bounds);
  return dropped;
}

async function dropOver(session: SqlSession, tenant: string, bounds: OutboxBounds): Promise<number> {
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
    // Often another endpoint's than the one appended to: what it sends must not go while it is chosen.
    await lockLanes(session, [lane]);
    const wanted = over > 0 ? Math.min(over, DROP_CHUNK) : DROP_CHUNK;
    const oldest = await oldestOf(session, lane, wanted + 1);
    const chosen: SqlRow[] = [];
    for (const event of oldest.slice(1)) {
      if (over <= 0 && overBytes <= 0) break;
      overBytes -= Number(event["bytes"]);
      chosen.push(event);
    }
    const gone = await drop(session, lane, chosen);
    if (gone === 0) return dropped;
    dropped += gone;
  }
}

/**
 * Drops what waits in a lane since before an instant, one chunk of it.
 *
 * @param spared how many of the oldest stay, since they may be under way
 */
export async function dropAged(
  session: SqlSession,
  lane: number,
  { beforeMs, spared = 0 }: { readonly beforeMs: number; readonly spared?: number },
): Promise<Chunk> {
  // The lane first, as every change of one.
  await session.all("UPDATE webhook_lane SET waiting = waiting WHERE lane = $1", [lane]);
  const oldest = await oldestOf(session, lane, DROP_CHUNK + spared);
  const young = oldest.findIndex((event) => Number(event["at_ms"]) >= beforeMs);
  const done = await drop(session, lane, oldest.slice(spared, young === -1 ? undefined : Math.max(young, spared)));
  return { done, isMore: young === -1 && done === DROP_CHUNK };
}

function oldestOf(session: SqlSession, lane: number, limit: number): readonly SqlRow[] | Promise<readonly SqlRow[]> {
  return session.all(
    "SELECT seq, at_ms, bytes FROM webhook_event WHERE lane = $1 AND state = 0 ORDER BY seq LIMIT $2",
    [lane, limit],
  );
}
