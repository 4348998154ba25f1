import { DimmerError } from "@dimmer/core";
import { ADDED_COLUMNS, schemaOf } from "./schema.ts";
import type { SqlDriver, SqlRow, SqlSession } from "./sql-driver.ts";

/** What of a `pg.Pool` is used: the product makes it, and ends it. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
}

/** What of a `pg.PoolClient` is used. */
export interface PostgresClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly SqlRow[] }>;
  /** With an error the connection is not used again. */
  release(error?: Error | boolean): void;
}

const IDENTITY = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY";
/** Processes that start together make the tables one after the other. */
const SCHEMA_LOCK = 7_301_005;

/**
 * Keeps the outbox in PostgreSQL, in tables `webhook_…` of the pool's search path, made where they are not there.
 *
 * @throws {DimmerError} `disk_failed` from every transaction that the database does not take
 */
export function postgresDriver(pool: PostgresPool): SqlDriver {
  let prepared: Promise<void> | undefined;
  const run = async <T>(work: (session: SqlSession) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const result = await work({
        all: async (statement, parameters = []) => (await client.query(statement, [...parameters])).rows,
      });
      await client.query("COMMIT");
      client.release();
      return result;
    } catch (error) {
      // A connection in an unknown state is let go of, and the database takes the transaction back.
      client.release(true);
      throw error;
    }
  };
  const prepare = (): Promise<void> =>
    run(async (session) => {
      await session.all("SELECT pg_advisory_xact_lock($1)", [SCHEMA_LOCK]);
      for (const statement of schemaOf(IDENTITY)) await session.all(statement);
      for (const column of ADDED_COLUMNS) {
        await session.all(`ALTER TABLE webhook_lane ADD COLUMN IF NOT EXISTS ${column}`);
      }
    });
  return {
    isSole: false,
    nowMs: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    async transaction(work) {
      try {
        prepared ??= prepare();
        await prepared.catch((error: unknown) => {
          prepared = undefined;
          throw error;
        });
        return await run(work);
      } catch (error) {
        if (error instanceof DimmerError) throw error;
        const message = error instanceof Error ? error.message : String(error);
        throw new DimmerError("disk_failed", `webhooks in PostgreSQL: ${message}`, { cause: error, retryable: true });
      }
    },
    close: () => Promise.resolve(),
  };
}
