import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { DimmerError } from "@dimmer/core";
import type { z } from "zod";
import {
  type BackupHeader,
  backupEndSchema,
  backupHeaderSchema,
  backupTableSchema,
  type Cell,
  decodeRow,
} from "./backup-format.ts";
import { KEPT_TABLES, type TableName } from "./kept-tables.ts";

/** Rows of one table, as a backup gives them. */
export interface BackupRows {
  readonly table: TableName;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** What a backup was found to hold, once all of it was read. */
export interface BackupSummary {
  readonly header: BackupHeader;
  /** Rows by table; of those that it holds. */
  readonly rows: ReadonlyMap<TableName, number>;
}

const ROWS_AT_ONCE = 500;
/** Longer than any row: a delta of a thousand entitlements, a lock list, a policy. */
const MAX_LINE_BYTES = 64 * 1024 * 1024;

/**
 * Reads a backup from its first byte to its last, and gives its rows as they come. Only when it returns is it known to be
 * whole: whoever writes rows down must be able to take them back.
 *
 * @param onRows called with rows of one table at a time, in the order of the file; waited for
 * @throws {DimmerError} `input_invalid` naming the line at fault, where anything is missing, changed or left over;
 *   `disk_failed` where the file cannot be read; what `onRows` throws
 */
export async function readBackup(
  path: string,
  onRows: (rows: BackupRows, header: BackupHeader) => Promise<void> = () => Promise.resolve(),
): Promise<BackupSummary> {
  const reading = new Reading(path);
  for await (const line of linesOf(path)) {
    const batch = reading.take(line);
    if (batch !== undefined) await onRows(batch, reading.header as BackupHeader);
  }
  return reading.finish();
}

class Reading {
  header: BackupHeader | undefined;
  readonly #path: string;
  readonly #hash = createHash("sha256");
  readonly #counts = new Map<TableName, number>();
  #table: { readonly table: TableName; readonly columns: readonly string[] } | undefined;
  #rows: Cell[][] = [];
  #line = 0;
  #count = 0;
  #isOver = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Takes a line. @returns rows that are to be passed on, where enough of them came or their table ended */
  take(line: Buffer): BackupRows | undefined {
    this.#line++;
    if (this.#isOver) throw this.#damaged("something follows its end");
    const value = this.#parse(line);
    if (Array.isArray(value)) {
      this.#hash.update(line).update("\n");
      return this.#takeRow(value);
    }
    if (this.header === undefined) {
      this.header = this.#check(backupHeaderSchema, value, "is not the header of a backup of this format");
      this.#hash.update(line).update("\n");
      return undefined;
    }
    const rest = this.#flush();
    if (typeof value === "object" && value !== null && "end" in value) {
      const { end } = this.#check(backupEndSchema, value, "is no end");
      if (end.rows !== this.#count || end.sha256 !== this.#hash.digest("base64url")) {
        throw this.#damaged("its checksum is another: something in it was changed or is missing");
      }
      this.#isOver = true;
      return rest;
    }
    const { table, columns } = this.#check(backupTableSchema, value, "names no table");
    const last = this.#table === undefined ? -1 : KEPT_TABLES.indexOf(this.#table.table);
    if (KEPT_TABLES.indexOf(table as TableName) <= last)
      throw this.#damaged(`table ${table} is not known, or not in its place`);
    this.#table = { table: table as TableName, columns };
    this.#hash.update(line).update("\n");
    return rest;
  }

  finish(): BackupSummary {
    if (!this.#isOver || this.header === undefined) throw this.#damaged("it ends before its end");
    return { header: this.header, rows: this.#counts };
  }

  #takeRow(value: readonly unknown[]): BackupRows | undefined {
    const cells = this.#table && decodeRow(value, this.#table.columns.length);
    if (this.#table === undefined || cells === undefined) throw this.#damaged("is no row of its table");
    this.#rows.push(cells);
    this.#count++;
    this.#counts.set(this.#table.table, (this.#counts.get(this.#table.table) ?? 0) + 1);
    return this.#rows.length >= ROWS_AT_ONCE ? this.#flush() : undefined;
  }

  #flush(): BackupRows | undefined {
    if (this.#table === undefined || this.#rows.length === 0) return undefined;
    const batch = { ...this.#table, rows: this.#rows };
    this.#rows = [];
    return batch;
  }

  #parse(line: Buffer): unknown {
    try {
      return JSON.parse(line.toString("utf8"));
    } catch {
      throw this.#damaged("is not JSON");
    }
  }

  #check<T>(schema: z.ZodType<T>, value: unknown, message: string): T {
    const outcome = schema.safeParse(value);
    if (!outcome.success) throw this.#damaged(message);
    return outcome.data;
  }

  #damaged(why: string): DimmerError {
    return new DimmerError("input_invalid", `${this.#path}: line ${this.#line}: ${why}; nothing of it is taken`);
  }
}

async function* linesOf(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path);
  const unpacked = createGunzip();
  file.on("error", (error) => unpacked.destroy(error));
  try {
    let rest: Buffer[] = [];
    let restBytes = 0;
    for await (const chunk of file.pipe(unpacked) as AsyncIterable<Buffer>) {
      let start = 0;
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
        const piece = chunk.subarray(start, end);
        yield rest.length === 0 ? piece : Buffer.concat([...rest, piece]);
        rest = [];
        restBytes = 0;
        start = end + 1;
      }
      if (start === chunk.length) continue;
      rest.push(chunk.subarray(start));
      restBytes += chunk.length - start;
      if (restBytes > MAX_LINE_BYTES) throw damaged(path, "a line of it is too long");
    }
    if (rest.length > 0) throw damaged(path, "it ends in the middle of a line");
  } catch (cause) {
    if (!(cause instanceof Error) || !("code" in cause) || cause instanceof DimmerError) throw cause;
    if (String(cause.code).startsWith("Z_")) throw damaged(path, `it cannot be unpacked (${cause.message})`);
    throw new DimmerError("disk_failed", `cannot read ${path}: ${cause.message}`, { cause });
  } finally {
    file.destroy();
    unpacked.destroy();
  }
}

function damaged(path: string, why: string): DimmerError {
  return new DimmerError("input_invalid", `${path}: ${why}; nothing of it is taken`);
}
