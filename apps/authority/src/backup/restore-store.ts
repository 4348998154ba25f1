import { existsSync, rmSync } from "node:fs";
import { DimmerError } from "@dimmer/core";
import type { FeedSource } from "@dimmer/feed/follow";
import { parseVersion } from "@dimmer/statement";
import { sql, type Transaction } from "kysely";
import { LEASE } from "../sequencer/lease.ts";
import { openStore, type Store } from "../store/open-store.ts";
import type { Tables } from "../store/schema.ts";
import type { BackupHeader } from "./backup-format.ts";
import { type BegunEpoch, beginEpoch } from "./begin-epoch.ts";
import { feedOfKeysets, type IssuingSigners } from "./feed-of-store.ts";
import { DATABASE_NAME, KEPT_TABLES, type TableName } from "./kept-tables.ts";
import { readPublished } from "./published-feed.ts";
import { type BackupRows, readBackup } from "./read-backup.ts";

/** How a store is restored. */
export interface RestoreOptions {
  /** `sqlite:PATH` or `postgres://…`; no authority may be running on it. */
  readonly store: string;
  readonly backup: string;
  readonly signers: IssuingSigners;
  /** Where the last published lock list is looked for; the newest counts. */
  readonly locksFrom: readonly FeedSource[];
  /** What the feed there must be rooted in. Default: the root of the backup's own keysets. */
  readonly trust?: string | undefined;
  readonly isAcceptingLostLocks?: boolean;
  /** Takes the place of what the store holds. Default: a store that holds anything is refused. */
  readonly isReplacing?: boolean;
  /** Does everything and takes it back. */
  readonly isDryRun?: boolean;
  readonly epoch?: number | undefined;
  readonly nowMs: number;
  readonly reason?: string | undefined;
}

/** What was restored, or would be. */
export interface RestoreReport extends BegunEpoch {
  readonly header: BackupHeader;
  /** Rows by table. */
  readonly rows: ReadonlyMap<TableName, number>;
  readonly trust: string;
  /** Where the lock list was read that counts. */
  readonly locksFrom?: string;
}

/**
 * Fills a store from a backup, takes over the locks that were published since, and raises the epoch last: one
 * transaction, so that a crash or a full disk at any moment leaves the store as it was. The backup is read to its end
 * before anything is opened.
 *
 * @throws {DimmerError} `input_invalid` for a damaged backup, a store that holds something, or neither `locksFrom` nor
 *   `isAcceptingLostLocks`; `feed_refused`, `feed_unreachable`, `keys_unreadable`, `disk_failed`
 */
export async function restoreStore(options: RestoreOptions): Promise<RestoreReport> {
  const { store: url, backup, locksFrom, isAcceptingLostLocks = false, isDryRun = false } = options;
  if (locksFrom.length === 0 && !isAcceptingLostLocks) {
    throw new DimmerError(
      "input_invalid",
      "say where the last published lock list is (--locks-from), or accept that locks put after the backup are lost " +
        "(--accept-lost-locks)",
    );
  }
  const keysets: string[] = [];
  const { header, rows } = await readBackup(backup, async (batch) => gatherKeysets(batch, keysets));
  if (header.version === null || parseVersion(header.version) === undefined) {
    throw new DimmerError(
      "input_invalid",
      `${backup}: nothing was ever published from it: start on a new store instead`,
    );
  }
  const { trust: root, aud: audience } = await feedOfKeysets(keysets);
  const trust = options.trust ?? root;
  const published = await readPublished(locksFrom, { trust, audience });
  const isNew = isNewFile(url);
  const store = await openStore(url, { upTo: header.schema.at(-1) as string });
  let report: RestoreReport;
  try {
    report = await store.transact(
      (queries) => fill(store, queries, { ...options, isAcceptingLostLocks, published, header, rows, trust: root }),
      "serializable",
    );
  } catch (cause) {
    if (cause instanceof TakenBack) report = cause.report;
    else {
      await store.close();
      if (isNew) removeFile(url);
      throw diskFullOf(cause);
    }
  }
  await store.close();
  if (isDryRun && isNew) removeFile(url);
  // Tables that this version has beyond those of the backup.
  if (!isDryRun) await (await openStore(url)).close();
  return report;
}

/** A dry run is done: thrown so that its transaction is rolled back. */
class TakenBack extends Error {
  readonly report: RestoreReport;

  constructor(report: RestoreReport) {
    super("dry run");
    this.report = report;
  }
}

interface Filling extends Omit<RestoreOptions, "trust">, Pick<RestoreReport, "header" | "rows" | "trust"> {
  readonly published: Awaited<ReturnType<typeof readPublished>>;
}

async function fill(store: Store, queries: Transaction<Tables>, filling: Filling): Promise<RestoreReport> {
  const { backup, signers, nowMs, published, isReplacing = false, isAcceptingLostLocks = false, epoch } = filling;
  const { header, rows, trust, isDryRun = false } = filling;
  await refuseRunning(store, queries, nowMs);
  if (isReplacing) await empty(queries);
  else await refuseFilled(queries);
  const again = await readBackup(backup, (batch) => insert(queries, batch));
  if (JSON.stringify(again.header) !== JSON.stringify(header)) {
    throw new DimmerError("input_invalid", `${backup} was changed while it was read; nothing of it is taken`);
  }
  if (store.engine === "postgres") await continueNumbers(queries);
  const reason = filling.reason ?? `restored from a backup of ${header.createdAt}`;
  const begun = await beginEpoch(store, queries, { signers, nowMs, reason, published, isAcceptingLostLocks, epoch });
  const from = published === undefined ? {} : { locksFrom: published.source };
  const report: RestoreReport = { ...begun, header, rows, trust, ...from };
  if (isDryRun) throw new TakenBack(report);
  return report;
}

async function gatherKeysets({ table, columns, rows }: BackupRows, keysets: string[]): Promise<void> {
  if (table !== "keyset") return;
  const [version, token] = [columns.indexOf("version"), columns.indexOf("token")];
  const sorted = rows.toSorted((a, b) => Number(a[version]) - Number(b[version]));
  keysets.push(...sorted.map((row) => String(row[token])));
}

async function refuseRunning(store: Store, queries: Transaction<Tables>, nowMs: number): Promise<void> {
  if (store.engine === "sqlite") return;
  const lease = await queries.selectFrom("lease").selectAll().where("name", "=", LEASE).executeTakeFirst();
  if (lease === undefined || lease.until_ms <= (await store.clockMs(queries, nowMs))) return;
  throw new DimmerError(
    "input_invalid",
    `an authority runs on this store (${lease.holder}); stop every one of them first`,
  );
}

/** Of the tables that backups hold, those that are there: a store for the backup of an older version lacks the newest. */
async function tablesOf(queries: Transaction<Tables>): Promise<readonly TableName[]> {
  const there = new Set((await queries.introspection.getTables()).map(({ name }) => name));
  return KEPT_TABLES.filter((table) => there.has(table));
}

async function refuseFilled(queries: Transaction<Tables>): Promise<void> {
  for (const table of await tablesOf(queries)) {
    if (table === "meta") continue;
    const row = await queries.selectFrom(table).select(sql<number>`1`.as("one")).limit(1).executeTakeFirst();
    if (row === undefined) continue;
    throw new DimmerError(
      "input_invalid",
      `the store holds something (${table}): name an empty one, or let the backup take its place (--replace)`,
    );
  }
}

async function empty(queries: Transaction<Tables>): Promise<void> {
  for (const table of (await tablesOf(queries)).toReversed()) {
    const all = queries.deleteFrom(table);
    await (table === "meta" ? all.where(sql.ref("key"), "<>", DATABASE_NAME) : all).execute();
  }
  await queries.deleteFrom("ack").execute();
}

const MAX_PARAMETERS = 10_000;

async function insert(queries: Transaction<Tables>, { table, columns, rows }: BackupRows): Promise<void> {
  const names = sql.join(columns.map((column) => sql.id(column)));
  const atOnce = Math.max(1, Math.floor(MAX_PARAMETERS / columns.length));
  for (let start = 0; start < rows.length; start += atOnce) {
    const values = rows.slice(start, start + atOnce).map((row) => sql`(${sql.join([...row])})`);
    await sql`insert into ${sql.table(table)} (${names}) values ${sql.join(values)}`.execute(queries);
  }
}

/** Rows came with their numbers: the sequences that give new ones go on behind them. */
async function continueNumbers(queries: Transaction<Tables>): Promise<void> {
  const { rows } = await sql<{ table: string; column: string; sequence: string }>`
    select table_name as table, column_name as column,
      pg_get_serial_sequence(quote_ident(table_name), column_name) as sequence
    from information_schema.columns
    where table_schema = current_schema() and column_default like 'nextval(%'`.execute(queries);
  for (const { table, column, sequence } of rows) {
    const next = sql`coalesce(max(${sql.ref(column)}), 0) + 1`;
    await sql`select setval(${sequence}::regclass, ${next}, false) from ${sql.table(table)}`.execute(queries);
  }
}

function isNewFile(url: string): boolean {
  return url.startsWith("sqlite:") && !existsSync(url.slice("sqlite:".length));
}

function removeFile(url: string): void {
  for (const end of ["", "-wal", "-shm"]) rmSync(`${url.slice("sqlite:".length)}${end}`, { force: true });
}

/** A store that has no room says so in words of its engine. */
function diskFullOf(cause: unknown): unknown {
  const { code, message } = (cause ?? {}) as { code?: unknown; message?: unknown };
  const isFull = code === "53100" || (typeof message === "string" && /disk is full|disk I\/O error/i.test(message));
  if (cause instanceof DimmerError || !isFull) return cause;
  return new DimmerError("disk_failed", `the store has no room; it is as it was (${String(message)})`, { cause });
}
