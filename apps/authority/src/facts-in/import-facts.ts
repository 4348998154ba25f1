import type { Fact } from "@dimmer/lifecycle";
import { sql } from "kysely";
import type { z } from "zod";
import { problemOfError } from "../api/problem.ts";
import { faultOfJson } from "../api/read-body.ts";
import type { Service } from "../api/service.ts";
import { tenantId } from "../api/values.ts";
import { refuseIssues } from "../api/zod-issues.ts";
import type { FactWrite } from "../cases/record-fact.ts";
import type { Actor } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import type { RowFault } from "../imports/import-tenants.ts";
import type { CsvLayout, ImportRow } from "../imports/read-rows.ts";
import type { Queries } from "../store/open-store.ts";
import { BANK, type BankPayment, bankPayment, invoiceOf, readBankPayment } from "./bank-payment.ts";
import { ENTRY_KINDS, type EntryKind, entrySchema, factOf, type ReadyFact } from "./fact-entry.ts";
import { receiveItem } from "./inbox.ts";
import { judgeFact, knownFacts } from "./judge-fact.ts";
import { heldTenant, recordReady } from "./record-entry.ts";

/** The columns of a file of facts. What a kind does not have stays empty. */
export const FACT_LAYOUT: CsvLayout = {
  columns: [
    "tenant",
    "kind",
    "id",
    "at",
    "invoice",
    "payment",
    "amount",
    "currency",
    "due_date",
    "due_zone",
    "method",
    "code",
    "final",
    "subject",
    "plan",
    "instalments",
    "expires",
  ],
  required: ["tenant", "kind"],
  json: new Set(["amount", "final", "instalments"]),
};

/** The columns of a bank's statement. */
export const BANK_LAYOUT: CsvLayout = {
  columns: ["payment", "amount", "currency", "paidAt", "tenant", "invoice", "reference"],
  required: ["payment", "amount", "currency", "paidAt"],
  json: new Set(["amount"]),
};

/** What an import of facts has done. */
export interface FactImport {
  readonly isDryRun: boolean;
  readonly read: number;
  /** Facts that were not known. */
  readonly created: number;
  /** Facts that were known: nothing has changed. */
  readonly unchanged: number;
  /** Of a statement: payments that wait for somebody to match them. */
  readonly unmatched: number;
  readonly invalid: number;
  /** The first hundred rows at fault. */
  readonly faults: readonly (RowFault & { readonly code?: string })[];
}

/** What an import is run with. */
export interface FactImportRun {
  readonly service: Service;
  readonly actor: Actor;
  readonly isDryRun: boolean;
  readonly rows: AsyncIterable<ImportRow>;
}

const BATCH = 200;
const MAX_FAULTS = 100;

class Tally {
  readonly counts = { read: 0, created: 0, unchanged: 0, unmatched: 0, invalid: 0 };
  readonly faults: (RowFault & { code?: string })[] = [];

  /** @throws what is no fault of the row */
  refuse(line: number, error: unknown): void {
    const problem = problemOfError(error)?.problem;
    if (problem === undefined || problem.status >= 500) throw error;
    const { detail, field, ["code"]: code } = problem;
    this.refuseRow({
      line,
      message: detail,
      ...(field === undefined ? {} : { field }),
      ...(typeof code === "string" ? { code } : {}),
    });
  }

  refuseRow(fault: RowFault & { code?: string }): void {
    this.counts.invalid++;
    if (this.faults.length < MAX_FAULTS) this.faults.push(fault);
  }

  done(isDryRun: boolean): FactImport {
    return { isDryRun, ...this.counts, faults: this.faults };
  }
}

interface ReadRow {
  readonly line: number;
  readonly tenant: string;
  readonly ready: ReadyFact;
}

/**
 * Records the facts of a stream of rows, two hundred in a transaction, each judged by what is known by then. Rows at
 * fault are counted and reported, and the others recorded. The same import again changes nothing. A dry run judges as if
 * the rows before were recorded, and holds their facts in memory.
 *
 * @throws what reading the rows throws; what was read by then is recorded
 */
export async function importFacts({ service, actor, isDryRun, rows }: FactImportRun): Promise<FactImport> {
  const tally = new Tally();
  const imagined = new Map<string, Fact[]>();
  let batch: ReadRow[] = [];
  const flush = async (): Promise<void> => {
    const taken = batch;
    batch = [];
    if (taken.length === 0) return;
    if (isDryRun) await imagine(service, taken, { tally, imagined });
    else await recordBatch(service, taken, { tally, actor });
  };
  for await (const row of rows) {
    tally.counts.read++;
    const read = readRow(row, service.now(), tally);
    if (read !== undefined) batch.push(read);
    if (batch.length >= BATCH) await flush();
  }
  await flush();
  return tally.done(isDryRun);
}

async function recordBatch(
  service: Service,
  batch: readonly ReadRow[],
  { tally, actor }: { tally: Tally; actor: Actor },
): Promise<void> {
  const { store } = service;
  // The work may run several times: only the last counts.
  const outcomes = await store.transact(async (queries) => {
    const made: { line: number; isNew?: boolean; error?: unknown }[] = [];
    const write: FactWrite = { store, queries, actor, nowMs: service.now(), source: "import" };
    for (const { line, tenant, ready } of batch) {
      await sql`savepoint imported`.execute(queries);
      try {
        await heldTenant(write, tenant);
        const known = await knownFacts(queries, tenant, ready.track);
        made.push({ line, isNew: (await recordReady(write, tenant, { ready, known })).isNew });
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        await sql`rollback to savepoint imported`.execute(queries);
        made.push({ line, error });
      }
      await sql`release savepoint imported`.execute(queries);
    }
    return made;
  });
  for (const { line, isNew, error } of outcomes) {
    if (error !== undefined) tally.refuse(line, error);
    else tally.counts[isNew === true ? "created" : "unchanged"]++;
  }
  service.wakeCases();
}

async function imagine(
  { store, now }: Service,
  batch: readonly ReadRow[],
  { tally, imagined }: { tally: Tally; imagined: Map<string, Fact[]> },
): Promise<void> {
  const nowMs = now();
  for (const { line, tenant, ready } of batch) {
    try {
      await tenantThere(store.db, tenant);
      const of = `${tenant} ${ready.track}`;
      const more = imagined.get(of) ?? [];
      const known = [...(await knownFacts(store.db, tenant, ready.track)), ...more];
      const { isKnown } = await judgeFact(store.db, { ready, known, tenant, nowMs });
      tally.counts[isKnown ? "unchanged" : "created"]++;
      if (!isKnown) imagined.set(of, [...more, ready.fact]);
    } catch (error) {
      tally.refuse(line, error);
    }
  }
}

async function tenantThere(queries: Queries, tenant: string): Promise<void> {
  const row = await queries.selectFrom("tenant").select("gone_s").where("id", "=", tenant).executeTakeFirst();
  if (row?.gone_s !== null) throw new Fault("missing", `there is no tenant ${tenant}`, "tenant");
}

function readRow(row: ImportRow, nowMs: number, tally: Tally): ReadRow | undefined {
  const { line } = row;
  const value = plainRow(row, tally);
  if (value === undefined) return undefined;
  try {
    const { tenant, kind, due_date, due_zone, ...rest } = value;
    if (!ENTRY_KINDS.includes(kind as EntryKind)) {
      throw new Fault("invalid", `kind: must be one of ${ENTRY_KINDS.join(", ")}`, "kind");
    }
    const due = due_date === undefined && due_zone === undefined ? {} : { due: { date: due_date, zone: due_zone } };
    const from = kind === "leave_requested" ? { from: due.due } : due;
    const { id, at, ...fields } = checked(entrySchema(kind as EntryKind), { ...rest, ...from });
    const named = checkedTenant(tenant);
    const given = {
      ...(id === undefined ? {} : { id: id as string }),
      ...(at === undefined ? {} : { atMs: at as number }),
    };
    return { line, tenant: named, ready: factOf({ kind: kind as EntryKind, ...given, fields }, nowMs) };
  } catch (error) {
    tally.refuse(line, error);
    return undefined;
  }
}

function plainRow(row: ImportRow, tally: Tally): Record<string, unknown> | undefined {
  const { line } = row;
  if ("fault" in row) {
    tally.refuseRow({ line, message: row.fault, ...(row.field === undefined ? {} : { field: row.field }) });
    return undefined;
  }
  const fault = faultOfJson(row.value, "", 0);
  const isObject = typeof row.value === "object" && row.value !== null && !Array.isArray(row.value);
  if (fault === undefined && isObject) return row.value as Record<string, unknown>;
  tally.refuseRow({
    line,
    message: fault?.message ?? "must be a JSON object",
    ...(fault === undefined ? {} : { field: fault.field }),
  });
  return undefined;
}

function checked(schema: z.ZodType, value: unknown): Record<string, unknown> {
  const outcome = schema.safeParse(value);
  return outcome.success ? (outcome.data as Record<string, unknown>) : refuseIssues(outcome.error.issues, "");
}

function checkedTenant(value: unknown): string {
  const outcome = tenantId.safeParse(value);
  if (outcome.success) return outcome.data;
  throw new Fault("invalid", "tenant: is no tenant id", "tenant");
}

/**
 * Takes a bank's statement in, one transfer after the other: each goes to the invoice that it names, else to its
 * tenant, whose clock it holds, else into the queue of unmatched payments. The same statement again changes nothing.
 *
 * @throws what reading the rows throws; what was read by then is recorded
 */
export async function importStatement({ service, isDryRun, rows }: FactImportRun): Promise<FactImport> {
  const tally = new Tally();
  for await (const row of rows) {
    tally.counts.read++;
    const value = plainRow(row, tally);
    if (value === undefined) continue;
    try {
      const paid = checked(bankPayment, value) as unknown as BankPayment;
      const item = { source: BANK, id: paid.payment, body: JSON.stringify(value) };
      if (isDryRun) {
        const { isKnown, isMatched } = await imagineTransfer(service, paid);
        tally.counts[isKnown ? "unchanged" : "created"]++;
        if (!isKnown && !isMatched) tally.counts.unmatched++;
        continue;
      }
      const { isRepeated, state, code, message, attempts } = await receiveItem(service, item, readBankPayment);
      const isWaiting = state === "quarantined" && code === "unmatched";
      if (isRepeated || (isWaiting && attempts > 1)) tally.counts.unchanged++;
      else if (state === "quarantined" && !isWaiting) {
        tally.refuseRow({
          line: row.line,
          message: message ?? "cannot be followed",
          ...(code === null ? {} : { code }),
        });
      } else {
        tally.counts.created++;
        const isMatched = (await invoiceOf(service.store.db, paid)) !== undefined;
        if (!isMatched) tally.counts.unmatched++;
      }
    } catch (error) {
      tally.refuse(row.line, error);
    }
  }
  return tally.done(isDryRun);
}

/** What would become of a transfer. @throws {Fault} where it contradicts what is known */
async function imagineTransfer(
  { store, now }: Service,
  paid: BankPayment,
): Promise<{ readonly isKnown: boolean; readonly isMatched: boolean }> {
  const { db } = store;
  const to = await invoiceOf(db, paid);
  const row = await db
    .selectFrom("inbox")
    .select("state")
    .where("source", "=", BANK)
    .where("id", "=", paid.payment)
    .executeTakeFirst();
  const isKnown = row !== undefined && (row.state !== "quarantined" || to === undefined);
  if (!isKnown && to !== undefined) {
    const { payment, amount, currency, paidAt: atMs } = paid;
    const fields = { payment, amount, currency, invoice: to.invoice };
    const nowMs = now();
    const known = await knownFacts(db, to.tenant, "nonpayment");
    const ready = factOf({ kind: "payment", atMs, fields }, nowMs);
    await judgeFact(db, { ready, known, tenant: to.tenant, nowMs });
  }
  return { isKnown, isMatched: to !== undefined };
}
