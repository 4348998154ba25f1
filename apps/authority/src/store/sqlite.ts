import { chmodSync, closeSync, openSync, readdirSync, unlinkSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { backup, DatabaseSync, type SQLInputValue } from "node:sqlite";
import { DimmerError } from "@dimmer/core";
import { type Dialect, SqliteAdapter, type SqliteDatabase, SqliteDialect } from "kysely";

/** A SQLite file that this process holds. */
export interface SqliteFile {
  readonly dialect: Dialect;
  /**
   * Copies the database into a new file, beside the thread that runs JavaScript. Not while a transaction is open.
   *
   * @throws what SQLite throws, where there is no room for one, or a transaction is open
   */
  copyTo(path: string): Promise<void>;
}

/**
 * Opens a SQLite file for this process alone: WAL, `synchronous=FULL`, and an exclusive lock held until it is closed, so
 * that a second authority on the same file is refused at its start and not at its first write. It is readable by its
 * owner alone. Copies that a crash left
 * beside it are removed.
 *
 * @throws {DimmerError} `disk_failed` where the file cannot be opened or another process holds it
 */
export function openSqlite(path: string): SqliteFile {
  const database = openExclusively(path);
  removeCopies(path);
  return {
    dialect: new WholeMigrationsDialect({ database: asSqliteDatabase(database) }),
    copyTo: async (copy) => {
      keepPrivate(copy);
      await backup(database, copy, { rate: ALL_PAGES });
    },
  };
}

/** Kysely does not know that SQLite takes tables back with the transaction: a migration is whole or has not been. */
class WholeMigrationsDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new WholeMigrationsAdapter();
  }
}

class WholeMigrationsAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): true {
    return true;
  }
}

const ALL_PAGES = 2_147_483_647;
const COPY = ".copy-";

/** The name of a copy beside a database. Never throws. */
export function copyNameOf(path: string, mark: string): string {
  return `${path}${COPY}${mark}`;
}

function removeCopies(path: string): void {
  if (path === ":memory:") return;
  const prefix = `${basename(path)}${COPY}`;
  for (const name of readdirSync(dirname(path))) {
    if (name.startsWith(prefix)) unlinkSync(join(dirname(path), name));
  }
}

function openExclusively(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    if (path !== ":memory:") keepPrivate(path);
    database = new DatabaseSync(path, { timeout: 250 });
    database.exec(
      "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
    );
    // The lock is taken by the first write, not by the pragma: make one.
    database.exec("BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS opened (at TEXT); COMMIT;");
    return database;
  } catch (cause) {
    database?.close();
    const isHeld = cause instanceof Error && /locked|busy/i.test(cause.message);
    const why = isHeld
      ? "another authority has it open; stop that one, or use PostgreSQL to run several"
      : cause instanceof Error
        ? cause.message
        : "it cannot be opened";
    throw new DimmerError("disk_failed", `the database ${path} is not usable: ${why}`, { cause });
  }
}

/** It says who owes what: the file is its owner's alone, and so are the log and index that SQLite puts beside it. */
function keepPrivate(path: string): void {
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
}

/** The shape that Kysely's SQLite dialect drives; statements are kept, as the same few texts come again and again. */
function asSqliteDatabase(database: DatabaseSync): SqliteDatabase {
  const prepared = new Map<string, ReturnType<SqliteDatabase["prepare"]>>();
  return {
    close: () => database.close(),
    prepare: (text) => {
      // A full disk may have ended the transaction already: the fault that did is what is to be told, not this one.
      if (text === "rollback" && !database.isTransaction) return NOTHING;
      const known = prepared.get(text);
      if (known !== undefined) return known;
      const statement = database.prepare(text);
      const made = {
        reader: statement.columns().length > 0,
        all: (parameters: readonly unknown[]) => statement.all(...(parameters as SQLInputValue[])),
        run: (parameters: readonly unknown[]) => statement.run(...(parameters as SQLInputValue[])),
        iterate: (parameters: readonly unknown[]) =>
          statement.iterate(...(parameters as SQLInputValue[])) as IterableIterator<unknown>,
      };
      if (prepared.size >= MAX_PREPARED) prepared.clear();
      prepared.set(text, made);
      return made;
    },
  };
}

const NOTHING: ReturnType<SqliteDatabase["prepare"]> = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [][Symbol.iterator](),
};

const MAX_PREPARED = 256;
