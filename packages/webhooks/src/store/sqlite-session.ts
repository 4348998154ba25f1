import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { GivenColumns, SqlRow, SqlSession, SqlValue } from "./sql-driver.ts";

/** At most so many rows are given at once: a statement is prepared for every power of two up to it. */
const MAX_GIVEN = 128;

/** Runs statements on a SQLite database; each is prepared once, and kept for as long as the database is open. */
export function sqliteSession(database: DatabaseSync): SqlSession {
  const statements = new Map<string, StatementSync>();
  const overRows = new Map<string, Map<number, StatementSync>>();
  const prepare = (statement: string): StatementSync => {
    const known = statements.get(statement);
    if (known !== undefined) return known;
    const prepared = database.prepare(statement.replaceAll(/\$(\d)/g, "?$1"));
    statements.set(statement, prepared);
    return prepared;
  };
  const prepareOver = (statement: string, columns: GivenColumns, size: number): StatementSync => {
    const sizes = overRows.get(statement) ?? new Map<number, StatementSync>();
    overRows.set(statement, sizes);
    const known = sizes.get(size);
    if (known !== undefined) return known;
    const prepared = database.prepare(`${givenValues(columns, size)} ${statement}`);
    sizes.set(size, prepared);
    return prepared;
  };
  return {
    forUpdate: "",
    all: (statement, parameters = []) => prepare(statement).all(...parameters) as SqlRow[],
    async each(statement, columns, rows) {
      const found: SqlRow[] = [];
      for (let at = 0; at < rows.length; ) {
        const size = partOf(rows.length - at);
        const values: SqlValue[] = [];
        for (const row of rows.slice(at, at + size)) values.push(...row);
        found.push(...(prepareOver(statement, columns, size).all(...values) as SqlRow[]));
        at += size;
      }
      return found;
    },
  };
}

/** The largest power of two that is not above a number, nor above the most that is given at once. */
function partOf(rows: number): number {
  return rows >= MAX_GIVEN ? MAX_GIVEN : 2 ** Math.floor(Math.log2(rows));
}

function givenValues(columns: GivenColumns, size: number): string {
  const names = Object.keys(columns);
  const row = `(${names.map(() => "?").join(", ")})`;
  return `WITH given (${names.join(", ")}) AS (VALUES ${Array.from({ length: size }, () => row).join(", ")})`;
}
