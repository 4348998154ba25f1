import { chmodSync, closeSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { DimmerError } from "@dimmer/core";
import { ADDED_COLUMNS, schemaOf } from "./schema.ts";
import type { SqlDriver, SqlSession } from "./sql-driver.ts";
import { sqliteSession } from "./sqlite-session.ts";

/** For so long transactions follow each other before all else of the process has its turn. */
const LONGEST_TURN_MS = 10;
const IDENTITY = "INTEGER PRIMARY KEY AUTOINCREMENT";

/**
 * Opens a SQLite file for this process alone: WAL, `synchronous=FULL`, and an exclusive lock held until it is closed.
 * Transactions run one after the other on the thread that runs JavaScript: a commit stops it for as long as the disk
 * takes. However many are asked for, all else of the process has its turn every 10 ms or after the one that took longer.
 *
 * @throws {DimmerError} `disk_failed` where the file cannot be opened, or another process or store holds it
 */
export function sqliteDriver(path: string): SqlDriver {
  const database = open(path);
  const session = sqliteSession(database);
  let last: Promise<unknown> = Promise.resolve();
  let isOpen = true;
  const begin = database.prepare("BEGIN IMMEDIATE");
  const commit = database.prepare("COMMIT");
  const run = async <T>(work: (session: SqlSession) => Promise<T>, isRead: boolean): Promise<T> => {
    if (!isOpen) throw new DimmerError("disk_failed", `webhooks ${path}: the store is closed`);
    try {
      if (isRead) return await work(session);
      begin.run();
      const result = await work(session);
      commit.run();
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw asDiskFailure(path, error);
    }
  };
  let yieldedMs = 0;
  /** Transactions follow each other in microtasks: without this, many at once would let nothing else of the process run. */
  const letOthersRun = async (): Promise<void> => {
    if (performance.now() - yieldedMs < LONGEST_TURN_MS) return;
    await new Promise((done) => void setImmediate(done));
    yieldedMs = performance.now();
  };
  const inTurn = <T>(task: () => Promise<T>): Promise<T> => {
    const done = last.then(task);
    last = done.catch(() => undefined).then(letOthersRun);
    return done;
  };
  return {
    isSole: true,
    nowMs: "CAST(unixepoch('subsec') * 1000 AS INTEGER)",
    transaction: (work) => inTurn(() => run(work, false)),
    read: (work) => inTurn(() => run(work, true)),
    async forget() {
      // Not within a transaction, and beside none: what was overwritten in the file still stands in its log.
      const done = inTurn(async () => void (isOpen && database.exec("PRAGMA wal_checkpoint(TRUNCATE)")));
      await done.catch((error: unknown) => {
        throw asDiskFailure(path, error);
      });
    },
    close: async () => {
      await last;
      if (isOpen) database.close();
      isOpen = false;
    },
  };
}

function open(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    if (path !== ":memory:") keepPrivate(path);
    database = new DatabaseSync(path, { timeout: 250 });
    database.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;");
    // The log goes into the file every 16 MB: pages that change again and again are written there once, not every time.
    database.exec("PRAGMA cache_size=-16384; PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=4096;");
    // What is removed is overwritten: a payload does not outlive its purge in a free page.
    database.exec("PRAGMA secure_delete=ON;");
    // The lock is taken by the first write, not by the pragma: make one.
    database.exec(`BEGIN EXCLUSIVE; ${schemaOf(IDENTITY).join(";")}; DELETE FROM webhook_lease; COMMIT;`);
    addColumns(database);
    return database;
  } catch (cause) {
    database?.close();
    const isHeld = cause instanceof Error && /locked|busy/i.test(cause.message);
    const why = isHeld
      ? "another process writes it; give each its own file, or several one PostgreSQL"
      : reasonOf(cause);
    throw new DimmerError("disk_failed", `webhooks ${path}: ${why}`, { cause });
  }
}

/** Payloads lie in the file: it is its owner's alone, and so are the log and index that SQLite puts beside it. */
function keepPrivate(path: string): void {
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
}

/** Tables of an earlier version get the columns that they lack. */
function addColumns(database: DatabaseSync): void {
  const known = database.prepare("SELECT name FROM pragma_table_info('webhook_lane')").all();
  const names = new Set(known.map(({ name }) => name));
  for (const column of ADDED_COLUMNS) {
    if (!names.has(column.split(" ")[0] ?? "")) database.exec(`ALTER TABLE webhook_lane ADD COLUMN ${column}`);
  }
}

function asDiskFailure(path: string, error: unknown): unknown {
  if (error instanceof DimmerError || !(error instanceof Error) || !("errcode" in error)) return error;
  return new DimmerError("disk_failed", `webhooks ${path}: ${reasonOf(error)}`, { cause: error, retryable: true });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
