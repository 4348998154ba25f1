import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { DimmerError } from "@dimmer/core";
import { Kysely, sql, type Transaction } from "kysely";
import { type Migration, type MigrationInfo, Migrator } from "kysely/migration";
import type { Engine } from "./engine.ts";
import { createFirstTables } from "./migrations/0001-first.ts";
import { createKeyTables } from "./migrations/0002-signing-keys.ts";
import { createCaseTables } from "./migrations/0003-cases.ts";
import { createFactTables } from "./migrations/0004-facts-in.ts";
import { createTemplateTable } from "./migrations/0005-notice-templates.ts";
import { postgresDialect } from "./postgres.ts";
import type { Tables } from "./schema.ts";
import { openSignals, type StoreSignals } from "./signals.ts";
import { copyNameOf, openSqlite, type SqliteFile } from "./sqlite.ts";

/** A connection to the tables, or a transaction on them: what every query is given. */
export type Queries = Kysely<Tables> | Transaction<Tables>;

/** The store of the authority, open and migrated. */
export interface Store {
  readonly engine: Engine;
  readonly db: Kysely<Tables>;
  readonly signals: StoreSignals;
  /** Names the database cluster: another one, or a restored one, has another name. */
  identity(queries?: Queries): Promise<string>;
  /** Unix milliseconds by the clock that all processes on the store share; `localMs` where the process is alone. */
  clockMs(queries: Queries, localMs: number): Promise<number>;
  /**
   * Runs `work` as one transaction: all of it or nothing. On PostgreSQL it sees one snapshot, and begins anew where
   * another transaction changed what it was about to change: `work` may run several times.
   *
   * @param isolation `serializable` where what is written depends on rows that are only read
   */
  transact<T>(work: (queries: Transaction<Tables>) => Promise<T>, isolation?: Isolation): Promise<T>;
  /**
   * Opens the store as it stands at this moment, to be read for as long as it takes while others write: on SQLite a copy
   * beside the file, which needs as much room as the database has, and for which everybody else waits. Close it.
   */
  openSnapshot(): Promise<StoreSnapshot>;
  /** The names of the migrations that its tables have gone through, oldest first. */
  readonly schema: readonly string[];
  close(): Promise<void>;
}

/** What a store held at one moment. */
export interface StoreSnapshot {
  readonly queries: Queries;
  close(): Promise<void>;
}

/** How a store is opened. */
export interface OpenStoreOptions {
  /** The last migration to go through, for a store that is filled with what an older version wrote. Default: all. */
  readonly upTo?: string;
}

/** How far transactions are kept apart on PostgreSQL; on SQLite they come one after another. */
export type Isolation = "repeatable read" | "serializable";

const MAX_TRIES = 12;
/** Two transactions met: serialization failure, deadlock, and two that inserted the same new row. */
const CONFLICTS: ReadonlySet<unknown> = new Set(["40001", "40P01", "23505"]);

/**
 * Opens the store and brings its tables up to date.
 *
 * @param url `sqlite:PATH` for a file of this process alone, or `postgres://…`
 * @throws {DimmerError} `options_invalid` for another URL; `disk_failed` where the store cannot be opened or migrated
 */
export async function openStore(url: string, { upTo }: OpenStoreOptions = {}): Promise<Store> {
  const engine = engineOf(url);
  const path = url.slice("sqlite:".length);
  const file = engine === "sqlite" ? openSqlite(path) : undefined;
  const db = new Kysely<Tables>({ dialect: file?.dialect ?? postgresDialect(url) });
  let schema: readonly string[];
  try {
    schema = await migrate(db, engine, upTo);
    await nameDatabase(db);
    if (engine === "sqlite") await endLeases(db);
  } catch (cause) {
    await db.destroy();
    if (cause instanceof DimmerError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DimmerError("disk_failed", `the store${file === undefined ? "" : ` ${path}`} cannot be opened: ${why}`, {
      cause,
      retryable: true,
    });
  }
  const signals = openSignals(db, engine, url);
  return {
    engine,
    db,
    signals,
    schema,
    openSnapshot: () => (file === undefined ? snapshotOfPostgres(db) : snapshotOfFile(db, file, path)),
    identity: (queries = db) => identityOf(queries, engine),
    clockMs: async (queries, localMs) => (engine === "sqlite" ? localMs : await databaseClockMs(queries)),
    transact: (work, isolation = "repeatable read") => transact(db, engine, { work, isolation }),
    close: async () => {
      await signals.close();
      await db.destroy();
    },
  };
}

function engineOf(url: string): Engine {
  if (url.startsWith("sqlite:") && url.length > "sqlite:".length) return "sqlite";
  if (/^postgres(ql)?:\/\//.test(url)) return "postgres";
  throw new DimmerError(
    "options_invalid",
    `store: ${JSON.stringify(url.replace(/:[^:@/]*@/, ":…@"))} is neither sqlite:PATH nor postgres://…`,
  );
}

async function snapshotOfPostgres(db: Kysely<Tables>): Promise<StoreSnapshot> {
  const queries = await db.startTransaction().setIsolationLevel("repeatable read").setAccessMode("read only").execute();
  return { queries, close: () => queries.rollback().execute() };
}

async function snapshotOfFile(db: Kysely<Tables>, file: SqliteFile, path: string): Promise<StoreSnapshot> {
  const copy = copyNameOf(path, randomUUID());
  const remove = (): void => {
    for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(`${copy}${end}`, { force: true });
  };
  try {
    // Between transactions: SQLite copies no database that its own connection is writing to.
    await db.connection().execute(() => file.copyTo(copy));
    const queries = new Kysely<Tables>({ dialect: openSqlite(copy).dialect });
    return { queries, close: () => queries.destroy().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

async function migrate(db: Kysely<Tables>, engine: Engine, upTo: string | undefined): Promise<readonly string[]> {
  const migrations: Record<string, Migration> = {
    "0001-first": { up: (schema: Kysely<unknown>) => createFirstTables(schema, engine) },
    "0002-signing-keys": { up: (schema: Kysely<unknown>) => createKeyTables(schema, engine) },
    "0003-cases": { up: (schema: Kysely<unknown>) => createCaseTables(schema, engine) },
    "0004-facts-in": { up: (schema: Kysely<unknown>) => createFactTables(schema, engine) },
    "0005-notice-templates": { up: (schema: Kysely<unknown>) => createTemplateTable(schema, engine) },
  };
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } });
  if (upTo !== undefined) refuseNewer(Object.keys(migrations), await migrator.getMigrations(), upTo);
  const { error } = await (upTo === undefined ? migrator.migrateToLatest() : migrator.migrateTo(upTo));
  if (error !== undefined) throw error;
  const all = await migrator.getMigrations();
  return all.filter(({ executedAt }) => executedAt !== undefined).map(({ name }) => name);
}

/** Tables go forward only. @throws {DimmerError} `input_invalid` */
function refuseNewer(known: readonly string[], migrations: readonly MigrationInfo[], upTo: string): void {
  if (!known.includes(upTo)) {
    throw new DimmerError("input_invalid", `tables "${upTo}" are those of a newer version: use that one`);
  }
  const beyond = migrations.find(({ name, executedAt }) => executedAt !== undefined && name > upTo);
  if (beyond === undefined) return;
  throw new DimmerError(
    "input_invalid",
    `the store has gone through "${beyond.name}" already, and tables go forward only; name an empty store for tables "${upTo}"`,
  );
}

/** Gives a new database a name of its own; a backup that is restored under another name is told apart by it. */
async function nameDatabase(db: Kysely<Tables>): Promise<void> {
  await db
    .insertInto("meta")
    .values({ key: "database", value: randomUUID() })
    .onConflict((conflict) => conflict.column("key").doNothing())
    .execute();
}

/**
 * This process holds the file alone: whoever else had a lease in it is gone, though it was killed before it could say so,
 * and though a clock that was set back would have it last for long.
 */
async function endLeases(db: Kysely<Tables>): Promise<void> {
  await db.updateTable("lease").set({ until_ms: 0 }).execute();
}

/** The timeline is read from the log that is written now: what the control file says lags behind a promotion. */
async function identityOf(db: Queries, engine: Engine): Promise<string> {
  const { value } = await db.selectFrom("meta").select("value").where("key", "=", "database").executeTakeFirstOrThrow();
  if (engine === "sqlite") return `sqlite:${value}`;
  const { rows } = await sql<{ system: string; timeline: string }>`
    select system_identifier::text as system, left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline
    from pg_control_system()`.execute(db);
  const cluster = rows[0];
  return `postgres:${cluster?.system}:${cluster?.timeline}:${value}`;
}

async function databaseClockMs(queries: Queries): Promise<number> {
  const { rows } = await sql<{ ms: number }>`
    select (extract(epoch from clock_timestamp()) * 1000)::bigint as ms`.execute(queries);
  return (rows[0] as { ms: number }).ms;
}

async function transact<T>(
  db: Kysely<Tables>,
  engine: Engine,
  { work, isolation }: { work: (queries: Transaction<Tables>) => Promise<T>; isolation: Isolation },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const transaction = db.transaction();
      const isolated = engine === "postgres" ? transaction.setIsolationLevel(isolation) : transaction;
      return await isolated.execute(work);
    } catch (error) {
      const isConflict = CONFLICTS.has((error as { code?: unknown } | null)?.code);
      if (!isConflict || attempt >= MAX_TRIES) throw error;
      // Whoever met once would meet again: each waits for a time of its own.
      await new Promise((done) => setTimeout(done, Math.random() * attempt * 5));
    }
  }
}
