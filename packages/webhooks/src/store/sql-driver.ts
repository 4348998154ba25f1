/** A value that a statement takes. */
export type SqlValue = string | number | null;
/** A row; numbers may come as strings and are read by `Number`. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** The columns of rows that a statement is given, in their order, with the type of each. */
export type GivenColumns = Readonly<Record<string, "BIGINT" | "TEXT">>;

/** A transaction under way. */
export interface SqlSession {
  /** What ends a `SELECT` that keeps others from its rows until the transaction is over; empty where none is beside it. */
  readonly forUpdate: string;
  /** Runs one statement with parameters written `$1`, `$2`…; its rows. */
  all(statement: string, parameters?: readonly SqlValue[]): readonly SqlRow[] | Promise<readonly SqlRow[]>;
  /**
   * Runs a statement that reads many rows from `given`, in their order; its rows. A long list may be run in parts: no
   * row may depend on another of it. Costs one statement, not one a row.
   */
  each(statement: string, columns: GivenColumns, rows: readonly (readonly SqlValue[])[]): Promise<readonly SqlRow[]>;
}

/** A database as the outbox uses it; SQLite and PostgreSQL differ in this file's terms only. */
export interface SqlDriver {
  readonly isSole: boolean;
  /** An expression for Unix milliseconds by the database's own clock: processes of one store share it. */
  readonly nowMs: string;
  /**
   * Runs a transaction: durable once resolved; nothing of it holds where `work` or the commit fails.
   *
   * @throws {DimmerError} `disk_failed` where the database does not take it
   */
  transaction<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  /**
   * Runs statements that change nothing, in the order of transactions; each for itself sees what is committed.
   *
   * @throws {DimmerError} `disk_failed` where the database does not answer
   */
  read<T>(work: (session: SqlSession) => Promise<T>): Promise<T>;
  /** Lets go of copies of what was removed, such as a log of writes; left out where the database itself does. */
  forget?(): Promise<void>;
  close(): Promise<void>;
}
