import { DimmerError } from "@dimmer/core";
import { ADDED_COLUMNS, schemaOf } from "./schema.ts";
import type { GivenColumns, SqlDriver, SqlRow, SqlSession, SqlValue } from "./sql-driver.ts";

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
/** Deadlock and serialization failure: the database took the whole transaction back and says that it may be run again. */
const AGAIN: ReadonlySet<unknown> = new Set(["40P01", "40001"]);
const MAX_ATTEMPTS = 5;
const AGAIN_MS = 5;

/**
 * Keeps the outbox in PostgreSQL, in tables `webhook_…` of the pool's search path, made where they are not there. A
 * transaction that met another in a deadlock is run again, five times at most: `work` has no effect but on its session.
 *
 * @throws {DimmerError} `disk_failed` from every transaction that the database does not take
 */
export function postgresDriver(pool: PostgresPool): SqlDriver {
  let prepared: Promise<void> | undefined;
  const runOnce = async <T>(work: (session: SqlSession) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    try {
      await client.query("BEGIN");
      const result = await work(sessionOf(client));
      await client.query("COMMIT");
      client.release();
      return result;
    } catch (error) {
      // A connection in an unknown state is let go of, and the database takes the transaction back.
      const isKnown = AGAIN.has((error as { readonly code?: unknown }).code);
      if (isKnown)
        await client.query("ROLLBACK").then(
          () => client.release(),
          () => client.release(true),
        );
      else client.release(true);
      throw error;
    }
  };
  const readOnce = async <T>(work: (session: SqlSession) => Promise<T>): Promise<T> => {
    const client = await pool.connect();
    try {
      const result = await work(sessionOf(client));
      client.release();
      return result;
    } catch (error) {
      client.release(true);
      throw error;
    }
  };
  const run = async <T>(work: (session: SqlSession) => Promise<T>): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await runOnce(work);
      } catch (error) {
        if (attempt === MAX_ATTEMPTS || !AGAIN.has((error as { readonly code?: unknown }).code)) throw error;
        // Who met once would meet again in step.
        await new Promise((done) => setTimeout(done, Math.random() * AGAIN_MS * 2 ** attempt));
      }
    }
  };
  const prepare = (): Promise<void> =>
    run(async (session) => {
      await session.all("SELECT pg_advisory_xact_lock($1)", [SCHEMA_LOCK]);
      await makeMissing(session);
    });
  const answered = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      prepared ??= prepare();
      await prepared.catch((error: unknown) => {
        prepared = undefined;
        throw error;
      });
      return await ask();
    } catch (error) {
      if (error instanceof DimmerError) throw error;
      const message = error instanceof Error ? error.message : String(error);
      throw new DimmerError("disk_failed", `webhooks in PostgreSQL: ${message}`, { cause: error, retryable: true });
    }
  };
  return {
    isSole: false,
    nowMs: "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
    transaction: (work) => answered(() => run(work)),
    read: (work) => answered(() => readOnce(work)),
    close: () => Promise.resolve(),
  };
}

function sessionOf(client: PostgresClient): SqlSession {
  return {
    forUpdate: " FOR UPDATE",
    all: async (statement, parameters = []) => (await client.query(statement, [...parameters])).rows,
    async each(statement, columns, rows) {
      if (rows.length === 0) return [];
      const { text, values } = givenArrays(columns, rows);
      return (await client.query(`${text} ${statement}`, values)).rows;
    },
  };
}

/** Rows as one array for every column: a statement has one text, however many rows it is given. */
function givenArrays(
  columns: GivenColumns,
  rows: readonly (readonly SqlValue[])[],
): { readonly text: string; readonly values: SqlValue[][] } {
  const names = Object.keys(columns);
  const arrays = Object.values(columns).map((type, index) => `$${index + 1}::${type}[]`);
  return {
    text: `WITH given (${names.join(", ")}) AS (SELECT * FROM unnest(${arrays.join(", ")}))`,
    values: names.map((_, index) => rows.map((row) => row[index] ?? null)),
  };
}

/** Makes what is not there. A statement that names what is there stops whoever writes it. */
async function makeMissing(session: SqlSession): Promise<void> {
  for (const statement of schemaOf(IDENTITY)) {
    const [, name = ""] = /IF NOT EXISTS (\w+)/.exec(statement) ?? [];
    const [row] = await session.all("SELECT to_regclass($1) IS NOT NULL AS is_there", [name]);
    if (row?.["is_there"] !== true) await session.all(statement);
  }
  for (const column of ADDED_COLUMNS) {
    const there = await session.all(
      "SELECT attname FROM pg_attribute WHERE attrelid = 'webhook_lane'::regclass AND attname = $1 AND NOT attisdropped",
      [column.split(" ")[0] ?? ""],
    );
    if (there.length === 0) await session.all(`ALTER TABLE webhook_lane ADD COLUMN ${column}`);
  }
}
