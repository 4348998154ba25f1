import { readGap, type StoredGap } from "./drop-events.ts";
import type { Gap, LaneStatus, ListedEvent, OutboxTotals, Selection } from "./outbox.ts";
import { PURGED, STATE, STATE_NAMES } from "./schema.ts";
import type { SqlRow, SqlSession, SqlValue } from "./sql-driver.ts";

/** The lanes of a selection, with `$1` and `$2` of `chosen`. */
export const CHOSEN = "tenant = $1 AND ($2 = '' OR endpoint = $2)";
/** What `CHOSEN` is asked with. */
export const chosen = ({ tenant, endpoint }: Selection): readonly SqlValue[] => [tenant, endpoint ?? ""];

/** How the lanes of a tenant fare. */
export async function statusOf(session: SqlSession, tenant: string): Promise<readonly LaneStatus[]> {
  const rows = await session.all(
    `SELECT l.*, (SELECT COUNT(*) FROM webhook_event e WHERE e.lane = l.lane AND e.state = 2) AS dead,
      (SELECT e.at_ms FROM webhook_event e WHERE e.lane = l.lane AND e.state = 0 ORDER BY e.seq LIMIT 1) AS oldest_ms,
      (SELECT u.gap FROM webhook_untold u WHERE u.lane = l.lane) AS untold
      FROM webhook_lane l WHERE tenant = $1 ORDER BY endpoint`,
    [tenant],
  );
  return rows.map((row) => {
    const gap = readGap(row["telling"]) ?? readGap(row["gap"]);
    return {
      lane: Number(row["lane"]),
      tenant: String(row["tenant"]),
      endpoint: String(row["endpoint"]),
      waiting: Number(row["waiting"]),
      bytes: Number(row["bytes"]),
      dead: Number(row["dead"]),
      paused: (row["paused"] ?? (row["replaying"] === null ? undefined : "replaying")) as LaneStatus["paused"],
      gap: shown(gap),
      untold: shown(readGap(row["untold"])),
      attempts: Number(row["attempts"]),
      nextMs: Number(row["next_ms"]) === 0 ? undefined : Number(row["next_ms"]),
      oldestMs: numberOf(row["oldest_ms"]),
      lastError: (row["last_error"] ?? undefined) as string | undefined,
    };
  });
}

function shown(gap: StoredGap | undefined): Gap | undefined {
  return gap === undefined ? undefined : { sinceMs: gap.sinceMs, untilMs: gap.untilMs, dropped: gap.dropped };
}

/** Events of a tenant, without bodies. */
export async function listEvents(
  session: SqlSession,
  selection: Selection & { readonly state: ListedEvent["state"]; readonly afterSeq?: number; readonly limit: number },
): Promise<readonly ListedEvent[]> {
  const rows = await session.all(
    `SELECT seq, endpoint, id, type, e.bytes, at_ms, state FROM webhook_event e JOIN webhook_lane l ON l.lane = e.lane
      WHERE ${CHOSEN} AND state = $3 AND seq > $4 ORDER BY seq LIMIT $5`,
    [...chosen(selection), STATE[selection.state], selection.afterSeq ?? 0, selection.limit],
  );
  return rows.map((row: SqlRow) => ({
    seq: Number(row["seq"]),
    tenant: selection.tenant,
    endpoint: String(row["endpoint"]),
    id: String(row["id"]),
    type: String(row["type"]),
    bytes: Number(row["bytes"]),
    atMs: Number(row["at_ms"]),
    state: STATE_NAMES[Number(row["state"])] ?? "waiting",
  }));
}

/** Pauses lanes, or lets them go on at once; what is not there yet can be paused as well: an endpoint, or all of a tenant. */
export async function pauseLanes(session: SqlSession, selection: Selection, isPaused: boolean): Promise<number> {
  if (selection.endpoint === undefined) await pauseTenant(session, selection.tenant, isPaused);
  else if (isPaused) {
    await session.all(
      "INSERT INTO webhook_lane (tenant, endpoint) VALUES ($1, $2) ON CONFLICT (tenant, endpoint) DO NOTHING",
      [selection.tenant, selection.endpoint],
    );
  }
  const set = isPaused ? "paused = 'operator'" : "paused = NULL, attempts = 0, next_ms = 0";
  const rows = await session.all(`UPDATE webhook_lane SET ${set} WHERE ${CHOSEN} RETURNING lane`, chosen(selection));
  return rows.length;
}

/** Pauses a tenant whole, with lanes that are made later, or ends that. Its lanes are not touched. */
export async function pauseTenant(session: SqlSession, tenant: string, isPaused: boolean): Promise<void> {
  const statement = isPaused
    ? "INSERT INTO webhook_pause (tenant) VALUES ($1) ON CONFLICT (tenant) DO NOTHING"
    : "DELETE FROM webhook_pause WHERE tenant = $1";
  await session.all(statement, [tenant]);
}

/** Sums over the store; the oldest is of tenants that are not suspended, since the others wait by design. */
export async function totalsOf(session: SqlSession): Promise<Omit<OutboxTotals, "dropped">> {
  const [sums] = await session.all(
    `SELECT SUM(waiting) AS waiting, SUM(bytes) AS bytes, SUM(CASE WHEN paused = 'unconfigured' THEN 1 ELSE 0 END) AS
      unconfigured FROM webhook_lane WHERE tenant <> '${PURGED}'`,
  );
  const [dead] = await session.all("SELECT COUNT(*) AS dead FROM webhook_event WHERE state = 2");
  const [suspended] = await session.all("SELECT COUNT(*) AS suspended FROM webhook_suspension WHERE resuming = 0");
  const [oldest] = await session.all(
    `SELECT MIN((SELECT e.at_ms FROM webhook_event e WHERE e.lane = l.lane AND e.state = 0 ORDER BY e.seq LIMIT 1)) AS at_ms
      FROM webhook_lane l WHERE waiting > 0 AND NOT EXISTS (SELECT 1 FROM webhook_suspension s WHERE s.tenant = l.tenant AND s.resuming = 0)`,
  );
  return {
    waiting: Number(sums?.["waiting"] ?? 0),
    bytes: Number(sums?.["bytes"] ?? 0),
    dead: Number(dead?.["dead"] ?? 0),
    unconfigured: Number(sums?.["unconfigured"] ?? 0),
    suspended: Number(suspended?.["suspended"] ?? 0),
    oldestMs: numberOf(oldest?.["at_ms"]),
  };
}

function numberOf(column: unknown): number | undefined {
  return column === null || column === undefined ? undefined : Number(column);
}
