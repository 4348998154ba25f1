import type { Fact } from "@dimmer/lifecycle";
import { sql } from "kysely";
import type { Service } from "../api/service.ts";
import { tenantId } from "../api/values.ts";
import type { FactWrite } from "../cases/record-fact.ts";
import type { Actor } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import type { CsvLayout, ImportRow } from "../imports/read-rows.ts";
import type { Queries } from "../store/open-store.ts";
import { ENTRY_KINDS, type EntryKind, entrySchema, factOf, type ReadyFact } from "./fact-entry.ts";
import { checked, type FactImport, type FactImportRun, plainRow, Tally } from "./import-tally.ts";
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

const BATCH = 200;

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

function checkedTenant(value: unknown): string {
  const outcome = tenantId.safeParse(value);
  if (outcome.success) return outcome.data;
  throw new Fault("invalid", "tenant: is no tenant id", "tenant");
}
