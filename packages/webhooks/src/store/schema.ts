/** Statements that make the tables of the outbox where they are not there yet, in the words of one database. */
export function schemaOf(identity: string): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS webhook_lane (
      lane ${identity}, tenant TEXT NOT NULL, endpoint TEXT NOT NULL,
      waiting BIGINT NOT NULL DEFAULT 0, bytes BIGINT NOT NULL DEFAULT 0,
      held_from BIGINT NOT NULL DEFAULT 0, held_upto BIGINT NOT NULL DEFAULT 0,
      attempts BIGINT NOT NULL DEFAULT 0, next_ms BIGINT NOT NULL DEFAULT 0,
      paused TEXT, gap TEXT, telling TEXT, last_error TEXT, replaying TEXT,
      UNIQUE (tenant, endpoint))`,
    `CREATE INDEX IF NOT EXISTS webhook_lane_pending ON webhook_lane (tenant)
      WHERE waiting > 0 OR gap IS NOT NULL OR telling IS NOT NULL`,
    `CREATE TABLE IF NOT EXISTS webhook_event (
      seq ${identity}, lane BIGINT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL,
      bytes BIGINT NOT NULL, at_ms BIGINT NOT NULL, state BIGINT NOT NULL DEFAULT 0, done_ms BIGINT,
      UNIQUE (lane, id))`,
    "CREATE INDEX IF NOT EXISTS webhook_event_waiting ON webhook_event (lane, seq) WHERE state = 0",
    "CREATE INDEX IF NOT EXISTS webhook_event_done ON webhook_event (state, done_ms) WHERE state <> 0",
    `CREATE TABLE IF NOT EXISTS webhook_suspension (
      tenant TEXT PRIMARY KEY, since_ms BIGINT NOT NULL, resuming BIGINT NOT NULL DEFAULT 0)`,
    `CREATE TABLE IF NOT EXISTS webhook_lease (
      tenant TEXT PRIMARY KEY, holder TEXT NOT NULL, fence BIGINT NOT NULL, until_ms BIGINT NOT NULL)`,
    // What a receiver refused to be told, one range a lane.
    "CREATE TABLE IF NOT EXISTS webhook_untold (lane BIGINT PRIMARY KEY, gap TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS webhook_pause (tenant TEXT PRIMARY KEY)",
  ];
}

/** Columns of `webhook_lane` that tables of earlier versions lack. */
export const ADDED_COLUMNS: readonly string[] = ["replaying TEXT"];

/** States of an event as they are stored. */
export const STATE = { waiting: 0, sent: 1, dead: 2 } as const;
/** A state by its number. */
export const STATE_NAMES = ["waiting", "sent", "dead"] as const;
/** The tenant of lanes that are purged: nobody's, until their last event is off the disk. */
export const PURGED = "";
