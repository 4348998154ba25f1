import type { Outbox, OutboxBounds } from "./outbox.ts";
import { type PostgresPool, postgresDriver } from "./postgres-driver.ts";
import { sqlOutbox } from "./sql-outbox.ts";
import { sqliteDriver } from "./sqlite-driver.ts";

/**
 * Keeps events in a SQLite file, which this process holds alone until it closes it. The usual choice: a million events
 * open in milliseconds. Bodies lie in the file as they are, for as long as the bounds say: it belongs on a disk that is
 * encrypted, readable by the product alone.
 *
 * @throws {DimmerError} `disk_failed` where the file cannot be opened, or another process holds it
 */
export function sqliteStore(path: string, bounds: Partial<OutboxBounds> = {}): Outbox {
  return sqlOutbox(sqliteDriver(path), bounds);
}

/**
 * Keeps events in PostgreSQL, for several processes: each may deliver, and one at a time sends what waits for a tenant.
 * A holder that was away for longer than its lease finds its marks refused.
 *
 * @param pool a `pg.Pool` of the product, which ends it; the role must be able to create tables once
 */
export function postgresStore(pool: PostgresPool, bounds: Partial<OutboxBounds> = {}): Outbox {
  return sqlOutbox(postgresDriver(pool), bounds);
}

/** Keeps events in memory, for tests: nothing survives the process. */
export function memoryStore(bounds: Partial<OutboxBounds> = {}): Outbox {
  return sqlOutbox(sqliteDriver(":memory:"), bounds);
}
