import { dropOverBounds } from "./drop-events.ts";
import { suspend } from "./hold-lanes.ts";
import { findOrMakeLanes } from "./lock-lanes.ts";
import type { Appended, NewEntry, OutboxBounds } from "./outbox.ts";
import { STATE, STATE_NAMES } from "./schema.ts";
import { PAUSED_BY_FAILURE } from "./settle-marks.ts";
import type { SqlSession } from "./sql-driver.ts";

/** An entry on its way in. */
interface Placed {
  readonly entry: NewEntry;
  readonly index: number;
  readonly size: number;
  readonly isDead: boolean;
  /** Its place in the store; left out while it is not, or was not, new there. */
  seq?: number;
}

/** What comes for one lane, in its order. */
interface Incoming {
  readonly tenant: string;
  readonly endpoint: string;
  lane: number;
  /** By id: the first that bears it. */
  readonly byId: Map<string, Placed>;
  /** What bears an id that one before it bears. */
  readonly repeated: Placed[];
}

/**
 * Stores events, in a few statements however many they are. A known id changes nothing. How many were dropped for them
 * is added to the outcome.
 */
export async function appendEntries(
  session: SqlSession,
  entries: readonly NewEntry[],
  bounds: OutboxBounds,
): Promise<{ readonly outcomes: readonly Appended[]; readonly dropped: number }> {
  const incoming = byLane(entries);
  const lanes = await findOrMakeLanes(session, incoming);
  for (const [index, one] of incoming.entries()) one.lane = lanes[index] as number;
  const suspended = await heldBack(session, entries);
  const holds = ({ isHeld, event }: NewEntry): boolean =>
    isHeld === "if-suspended" ? suspended.has(event.tenant) : isHeld;
  await insert(session, incoming);
  const outcomes: Appended[] = [];
  const known: { readonly lane: number; readonly placed: Placed }[] = [];
  for (const { lane, byId, repeated } of incoming) {
    for (const placed of byId.values()) {
      if (placed.seq === undefined) known.push({ lane, placed });
      else outcomes[placed.index] = placed.entry.isHeld === "if-suspended" && holds(placed.entry) ? "held" : "new";
    }
    for (const placed of repeated) known.push({ lane, placed });
  }
  const states = await statesOf(session, known);
  for (const [at, { placed }] of known.entries()) outcomes[placed.index] = states[at] as Appended;
  for (const one of incoming) await noteFailures(session, one);
  await addToLanes(session, incoming, holds);
  await suspend(session, firstHeld(entries, holds));
  const tenants = [...new Set(incoming.map(({ tenant }) => tenant))];
  return { outcomes, dropped: await dropOverBounds(session, tenants, bounds) };
}

/** By lane, in the order of their names: processes that make the same lanes at once wait for each other in turn. */
function byLane(entries: readonly NewEntry[]): readonly Incoming[] {
  const lanes = new Map<string, Incoming>();
  for (const [index, entry] of entries.entries()) {
    const { tenant, endpoint, id, body } = entry.event;
    const key = `${tenant}\0${endpoint}`;
    let one = lanes.get(key);
    if (one === undefined) {
      one = { tenant, endpoint, lane: 0, byId: new Map(), repeated: [] };
      lanes.set(key, one);
    }
    const isDead = entry.failed !== undefined && entry.failed.nextMs === undefined;
    const placed: Placed = { entry, index, size: Buffer.byteLength(body), isDead };
    if (one.byId.has(id)) one.repeated.push(placed);
    else one.byId.set(id, placed);
  }
  return [...lanes].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** Tenants that were suspended when it was last known, of entries whose tenants nobody knows about now. */
async function heldBack(session: SqlSession, entries: readonly NewEntry[]): Promise<ReadonlySet<string>> {
  const unsure = new Set<string>();
  for (const { isHeld, event } of entries) if (isHeld === "if-suspended") unsure.add(event.tenant);
  const rows = await session.each(
    "SELECT tenant FROM webhook_suspension WHERE resuming = 0 AND tenant IN (SELECT given_tenant FROM given)",
    { given_tenant: "TEXT" },
    [...unsure].map((tenant) => [tenant]),
  );
  return new Set(rows.map(({ tenant }) => String(tenant)));
}

/** Stores what is new, lane by lane, each in its order, and notes its place. */
async function insert(session: SqlSession, incoming: readonly Incoming[]): Promise<void> {
  const rows = incoming.flatMap(({ lane, byId }) =>
    Array.from(byId.values(), ({ entry: { event, nowMs }, size, isDead }) => [
      lane,
      event.id,
      event.type,
      event.body,
      size,
      nowMs,
      isDead ? STATE.dead : STATE.waiting,
      isDead ? nowMs : null,
    ]),
  );
  // Places in the store follow the order of what came, which a database promises only where it is asked for.
  for (const [place, row] of rows.entries()) row.push(place);
  const stored = await session.each(
    `INSERT INTO webhook_event (lane, id, type, body, bytes, at_ms, state, done_ms)
      SELECT lane, id, type, body, bytes, at_ms, state, done_ms FROM given WHERE true ORDER BY place
      ON CONFLICT (lane, id) DO NOTHING RETURNING seq, lane, id`,
    {
      lane: "BIGINT",
      id: "TEXT",
      type: "TEXT",
      body: "TEXT",
      bytes: "BIGINT",
      at_ms: "BIGINT",
      state: "BIGINT",
      done_ms: "BIGINT",
      place: "BIGINT",
    },
    rows,
  );
  const lanes = new Map(incoming.map(({ lane, byId }) => [lane, byId]));
  for (const row of stored) {
    const placed = lanes.get(Number(row["lane"]))?.get(String(row["id"]));
    if (placed !== undefined) placed.seq = Number(row["seq"]);
  }
}

async function statesOf(
  session: SqlSession,
  known: readonly { readonly lane: number; readonly placed: Placed }[],
): Promise<readonly Appended[]> {
  const rows = await session.each(
    `SELECT lane, id, state FROM webhook_event WHERE (lane, id) IN (SELECT given_lane, given_id FROM given)`,
    { given_lane: "BIGINT", given_id: "TEXT" },
    known.map(({ lane, placed }) => [lane, placed.entry.event.id]),
  );
  const states = new Map(rows.map((row) => [`${Number(row["lane"])} ${String(row["id"])}`, Number(row["state"])]));
  return known.map(({ lane, placed }) => STATE_NAMES[states.get(`${lane} ${placed.entry.event.id}`) ?? 0] ?? "waiting");
}

/** What an attempt past the store came to is that of its lane, where nothing waited in it before. */
async function noteFailures(session: SqlSession, { lane, byId }: Incoming): Promise<void> {
  for (const { seq, isDead, entry } of byId.values()) {
    const { failed } = entry;
    if (seq === undefined || failed === undefined) continue;
    if (isDead) {
      await session.all(
        `UPDATE webhook_lane SET paused = CASE WHEN $3 = 1 THEN 'gone' ELSE paused END,
          last_error = CASE WHEN waiting = 0 OR $3 = 1 THEN $2 ELSE last_error END WHERE lane = $1`,
        [lane, failed.error, failed.isGone === true ? 1 : 0],
      );
      continue;
    }
    await session.all(
      `UPDATE webhook_lane SET attempts = $2, next_ms = $3, last_error = $4, paused = ${PAUSED_BY_FAILURE}
        WHERE lane = $1 AND waiting = 0`,
      [lane, failed.attempts, failed.nextMs ?? 0, failed.error, failed.isUnconfigured === true ? 1 : 0],
    );
  }
}

/** What waits in a lane up to the last that is held waited because of a mode. */
async function addToLanes(
  session: SqlSession,
  incoming: readonly Incoming[],
  holds: (entry: NewEntry) => boolean,
): Promise<void> {
  const rows: number[][] = [];
  for (const { lane, byId } of incoming) {
    let waiting = 0;
    let bytes = 0;
    let upto = 0;
    for (const { seq, isDead, size, entry } of byId.values()) {
      if (seq === undefined || isDead) continue;
      waiting++;
      bytes += size;
      if (holds(entry)) upto = seq;
    }
    if (waiting > 0) rows.push([lane, waiting, bytes, upto]);
  }
  await session.each(
    `UPDATE webhook_lane SET waiting = waiting + more, bytes = bytes + more_bytes,
      attempts = CASE WHEN upto > 0 THEN 0 ELSE attempts END, next_ms = CASE WHEN upto > 0 THEN 0 ELSE next_ms END,
      held_from = CASE WHEN upto = 0 OR held_upto > 0 THEN held_from ELSE
        (SELECT MIN(seq) FROM webhook_event e WHERE e.lane = given_lane AND e.state = 0) END,
      held_upto = CASE WHEN upto > 0 THEN upto ELSE held_upto END
      FROM given WHERE lane = given_lane`,
    { given_lane: "BIGINT", more: "BIGINT", more_bytes: "BIGINT", upto: "BIGINT" },
    rows,
  );
}

/** Since when tenants of whom something is held may not receive, as far as these entries tell. */
function firstHeld(
  entries: readonly NewEntry[],
  holds: (entry: NewEntry) => boolean,
): readonly { readonly tenant: string; readonly sinceMs: number }[] {
  const since = new Map<string, number>();
  for (const entry of entries) {
    const { tenant } = entry.event;
    if (!since.has(tenant) && holds(entry)) since.set(tenant, entry.nowMs);
  }
  return [...since].map(([tenant, sinceMs]) => ({ tenant, sinceMs })).sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
}
