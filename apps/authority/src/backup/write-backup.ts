import { createHash, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { DimmerError } from "@dimmer/core";
import { formatVersion } from "@dimmer/statement";
import { type RawBuilder, sql } from "kysely";
import type { Queries, Store } from "../store/open-store.ts";
import { BACKUP_FORMAT, type BackupHeader, type Cell, encodeRow } from "./backup-format.ts";
import { DATABASE_NAME, KEPT_ROWS, KEPT_TABLES, type TableName } from "./kept-tables.ts";

type Row = Readonly<Record<string, Cell>>;

const ROWS_AT_ONCE = 1_000;
const GZIP_LEVEL = 3;

/**
 * Gives a backup of a store as a stream of bytes: everything as it stood when the first byte was asked for, while others
 * go on writing. Holds neither the keys of the key directory nor the lease. Destroy it to give up.
 *
 * @param nowMs Unix milliseconds, for its header
 */
export function backupStream(store: Store, nowMs: number): Readable {
  const lines = Readable.from(linesOf(store, nowMs));
  const packed = createGzip({ level: GZIP_LEVEL });
  pipeline(lines, packed).catch((error: unknown) => packed.destroy(error as Error));
  return packed;
}

async function* linesOf(store: Store, nowMs: number): AsyncGenerator<string> {
  const hash = createHash("sha256");
  const hashed = (text: string): string => {
    hash.update(text);
    return text;
  };
  const snapshot = await store.openSnapshot();
  let count = 0;
  try {
    yield hashed(`${JSON.stringify(await headerOf(store, snapshot.queries, nowMs))}\n`);
    for (const table of KEPT_TABLES) {
      let columns: readonly string[] | undefined;
      for await (const rows of rowsOf(store, snapshot.queries, table)) {
        let text = "";
        if (columns === undefined) {
          columns = Object.keys(rows[0] as Row);
          text = `${JSON.stringify({ table, columns })}\n`;
        }
        for (const row of rows) text += `${encodeRow(columns.map((column) => row[column] as Cell))}\n`;
        count += rows.length;
        yield hashed(text);
      }
    }
  } finally {
    await snapshot.close();
  }
  yield `${JSON.stringify({ end: { rows: count, sha256: hash.digest("base64url") } })}\n`;
}

async function headerOf({ engine, schema }: Store, queries: Queries, nowMs: number): Promise<BackupHeader> {
  const state = await queries.selectFrom("feed_state").select(["epoch", "seq"]).where("id", "=", 1).executeTakeFirst();
  const version = state === undefined ? null : formatVersion(state);
  return { format: BACKUP_FORMAT, schema, engine, createdAt: new Date(nowMs).toISOString(), version };
}

/** The rows of a table in batches, none of them empty. PostgreSQL gives them by a cursor: a table may be large. */
async function* rowsOf({ engine }: Store, queries: Queries, table: TableName): AsyncGenerator<readonly Row[]> {
  const select = queries.selectFrom(table).selectAll().where(isKept(table));
  if (engine === "sqlite") {
    let batch: Row[] = [];
    for await (const row of select.stream()) {
      batch.push(row as Row);
      if (batch.length < ROWS_AT_ONCE) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
    return;
  }
  const cursor = sql.id(`rows_of_${table}`);
  await sql`declare ${cursor} no scroll cursor for ${select}`.execute(queries);
  for (;;) {
    const { rows } = await sql<Row>`fetch ${sql.raw(String(ROWS_AT_ONCE))} from ${cursor}`.execute(queries);
    if (rows.length === 0) break;
    yield rows;
  }
  await sql`close ${cursor}`.execute(queries);
}

function isKept(table: TableName): RawBuilder<boolean> {
  const kept = KEPT_ROWS[table];
  if (table === "meta") return sql<boolean>`key <> ${DATABASE_NAME}`;
  if (typeof kept === "object") return sql<boolean>`${sql.ref(kept.column)} in (${sql.join(kept.oneOf)})`;
  return sql<boolean>`1 = 1`;
}

/**
 * Writes a backup into a file that is there whole or not at all: a temporary file beside it, fsync, rename. Mode 0600: it
 * is a list of debtors, and holds the hashes of credentials.
 *
 * @param bytes from `backupStream`, or from the door of an authority that runs
 * @returns bytes written
 * @throws {DimmerError} `input_invalid` where the file is there already; `disk_failed` where it cannot be written
 */
export async function writeBackupFile(path: string, bytes: Readable): Promise<number> {
  const temporary = join(dirname(path), `.tmp-${randomBytes(6).toString("hex")}-${basename(path)}`);
  try {
    if ((await stat(path).catch(() => undefined)) !== undefined) {
      throw new DimmerError(
        "input_invalid",
        `${path} is there already, and a backup is never overwritten; name another`,
      );
    }
    await pipeline(bytes, createWriteStream(temporary, { flags: "wx", mode: 0o600 }));
    const file = await open(temporary, "r+");
    await file.sync();
    const { size } = await file.stat();
    await file.close();
    await rename(temporary, path);
    return size;
  } catch (cause) {
    bytes.destroy();
    await unlink(temporary).catch(() => undefined);
    if (cause instanceof DimmerError || !(cause instanceof Error) || !("syscall" in cause)) throw cause;
    throw new DimmerError("disk_failed", `cannot write ${path}: ${cause.message}`, { cause });
  }
}
