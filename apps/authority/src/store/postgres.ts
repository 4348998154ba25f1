import { DimmerError } from "@dimmer/core";
import { type Dialect, PostgresDialect } from "kysely";
import pg from "pg";

const MAX_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/**
 * Opens a pool on PostgreSQL 15 or newer. `bigint` comes back as a number: every one of ours is a count, a version or a
 * time, far below 2^53. A connection that breaks while nobody uses it is replaced in silence; whoever uses one that
 * breaks, or asks next, is told.
 *
 * @throws {DimmerError} `options_invalid` where the URL is not one
 */
export function postgresDialect(url: string): Dialect {
  if (!URL.canParse(url))
    throw new DimmerError("options_invalid", "store: not a PostgreSQL URL; give postgres://user@host:port/database");
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    types: {
      getTypeParser: (oid: number, format?: "text" | "binary") => parserOf(oid, format),
    } as pg.CustomTypesConfig,
  });
  // Without a listener, a server that restarts would end this process.
  pool.on("error", () => undefined);
  // The pool listens to idle connections alone: one that breaks between two statements of a transaction would end it too.
  pool.on("connect", (client) => void client.on("error", () => undefined));
  return new PostgresDialect({ pool });
}

const INT8_OID = 20;

function parserOf(oid: number, format: "text" | "binary" | undefined): (value: string) => unknown {
  if (oid === INT8_OID) return Number;
  return pg.types.getTypeParser(oid, format as "text") as (value: string) => unknown;
}
