/**
 * A backup is lines of JSON under gzip, alike for both engines: a header; for each table a line that names it and its
 * columns, then its rows as arrays; at the end how many rows there are and the SHA-256 of every line before. Bytes are
 * `{"base64": "…"}`.
 */
import { z } from "zod";

/** The name and version of the format. */
export const BACKUP_FORMAT = "dimmer-backup/1";

/** A value of a row as a store gives it. */
export type Cell = string | number | null | Uint8Array;

/** How a backup begins. */
export interface BackupHeader {
  readonly format: typeof BACKUP_FORMAT;
  /** The migrations that the tables had gone through, oldest first. */
  readonly schema: readonly string[];
  readonly engine: "sqlite" | "postgres";
  /** ISO 8601. */
  readonly createdAt: string;
  /** The version of the feed that was published last, "epoch.seq"; `null` before the first. */
  readonly version: string | null;
}

/** The contract of the header. */
export const backupHeaderSchema: z.ZodType<BackupHeader> = z.strictObject({
  format: z.literal(BACKUP_FORMAT),
  schema: z.array(z.string().min(1)).min(1),
  engine: z.enum(["sqlite", "postgres"]),
  createdAt: z.iso.datetime(),
  version: z.string().nullable(),
});

/** The contract of a line that names a table. */
export const backupTableSchema: z.ZodType<{ readonly table: string; readonly columns: readonly string[] }> =
  z.strictObject({ table: z.string(), columns: z.array(z.string().regex(/^[a-z_]+$/)).min(1) });

/** The contract of the last line. */
export const backupEndSchema: z.ZodType<{ readonly end: { readonly rows: number; readonly sha256: string } }> =
  z.strictObject({ end: z.strictObject({ rows: z.int().min(0), sha256: z.string() }) });

/** The line of a row. Never throws for what a store holds. */
export function encodeRow(cells: readonly Cell[]): string {
  return JSON.stringify(
    cells.map((cell) => (cell instanceof Uint8Array ? { base64: Buffer.from(cell).toString("base64") } : cell)),
  );
}

/** The cells of a row's line; `undefined` for what is none. */
export function decodeRow(value: unknown, columns: number): Cell[] | undefined {
  if (!Array.isArray(value) || value.length !== columns) return undefined;
  const cells: Cell[] = [];
  for (const cell of value as unknown[]) {
    if (cell === null || typeof cell === "string" || typeof cell === "number") cells.push(cell);
    else if (typeof cell === "object" && "base64" in cell && typeof cell.base64 === "string") {
      cells.push(Buffer.from(cell.base64, "base64"));
    } else return undefined;
  }
  return cells;
}
