import { sql, type Transaction } from "kysely";
import type { Service } from "../api/service.ts";
import { type FactWrite, recordFact } from "../cases/record-fact.ts";
import type { Actor } from "../changes/actor.ts";
import { Fault } from "../changes/fault.ts";
import { lockRow } from "../sequencer/lease.ts";
import type { InboxTable, Tables } from "../store/schema.ts";
import { codeOf } from "./judge-fact.ts";

/** A message from outside, as it came. */
export interface InboxItem {
  /** `stripe`, `bank`, or the name of an adapter. */
  readonly source: string;
  /** What the sender calls it: the same id again is the same message. */
  readonly id: string;
  /** JSON text. */
  readonly body: string;
}

/** What a reader is given, and what it says about the message while it reads. */
export interface ItemWrite extends FactWrite {
  readonly service: Service;
  readonly said: {
    /** Whom the message is about, as soon as that is known. */
    tenant?: string;
    /** Whether it is about money: where it is in doubt, the tenant's clock is held. */
    isMoney?: boolean;
    hasNewFacts?: boolean;
    /** What is to be published because of it. */
    readonly pending: number[];
  };
}

/** Makes facts of a message, in one transaction. @throws {Fault} where it cannot be followed: it is then quarantined */
export type ReadItem = (write: ItemWrite, body: unknown) => Promise<"done" | "ignored">;

/** Where a message stands. */
export type ItemState = Pick<InboxTable, "source" | "id" | "state" | "code" | "message" | "tenant_id" | "attempts"> & {
  /** Whether it was done with before this delivery. */
  readonly isRepeated: boolean;
};

/** Contradictions that what comes later may resolve: these are tried again by themselves. */
const MENDED_BY_OTHERS: readonly string[] = [
  "unknown_invoice",
  "unknown_payment",
  "unknown_customer",
  "payment_before_invoice",
  "missing",
];
const MAX_MENDED = 100;

/**
 * Takes a message in: once, whatever the number of deliveries. What cannot be followed is kept in quarantine with its
 * code, and holds the tenant's clock where it is about money; when later messages of that tenant bring what was missing, it is
 * tried again.
 *
 * @throws what the store throws: the sender delivers again
 */
export async function receiveItem(service: Service, item: InboxItem, read: ReadItem): Promise<ItemState> {
  const state = await attempt(service, item, read);
  if (state.state === "done" && state.tenant_id !== null && !state.isRepeated) {
    await mendOthers(service, { source: item.source, tenant: state.tenant_id, read });
  }
  return state;
}

async function mendOthers(
  service: Service,
  { source, tenant, read }: { source: string; tenant: string; read: ReadItem },
): Promise<void> {
  const waiting = await service.store.db
    .selectFrom("inbox")
    .select(["source", "id", "body"])
    .where("tenant_id", "=", tenant)
    .where("state", "=", "quarantined")
    .where("source", "=", source)
    .where("code", "in", MENDED_BY_OTHERS)
    .orderBy("received_ms")
    .limit(MAX_MENDED)
    .execute();
  for (const item of waiting) await attempt(service, item, read);
}

async function attempt(service: Service, item: InboxItem, read: ReadItem): Promise<ItemState> {
  const { store, counters } = service;
  const said: ItemWrite["said"] = { pending: [] };
  let outcome: ItemState;
  try {
    outcome = await store.transact(async (queries) => {
      said.pending.length = 0;
      said.hasNewFacts = false;
      const nowMs = service.now();
      const known = await lockRow(store, rowOf(queries, item));
      if (known !== undefined && known.state !== "quarantined") return { ...known, isRepeated: true };
      const write: ItemWrite = { service, store, queries, actor: actorOf(item), nowMs, source: item.source, said };
      const state = await read(write, JSON.parse(item.body) as unknown);
      const row = { ...item, tenant_id: said.tenant ?? null, state, code: null, message: null };
      if (known !== undefined) await release(write, known);
      return { ...(await keep(queries, { known, row, nowMs })), isRepeated: false };
    });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    outcome = await quarantine(service, item, { fault: error, said });
  }
  if (!outcome.isRepeated) counters.inbox[outcome.state]++;
  if (said.pending.length > 0) service.wake();
  if (said.hasNewFacts === true || outcome.state === "quarantined") service.wakeCases();
  return outcome;
}

/** Puts a message away that cannot be followed, and holds the clock of the tenant whose money it is about. */
async function quarantine(
  { store, now }: Service,
  item: InboxItem,
  { fault, said }: { fault: Fault; said: ItemWrite["said"] },
): Promise<ItemState> {
  return await store.transact(async (queries) => {
    const nowMs = now();
    const known = await lockRow(store, rowOf(queries, item));
    if (known !== undefined && known.state !== "quarantined") return { ...known, isRepeated: true };
    const tenant = await thereIs(queries, said.tenant);
    const row = {
      ...item,
      tenant_id: tenant ?? null,
      state: "quarantined",
      code: codeOf(fault),
      message: fault.message,
    } as const;
    if (tenant !== undefined && said.isMoney === true) {
      await hold({ store, queries, actor: actorOf(item), nowMs, source: item.source }, { tenant, item });
    }
    return { ...(await keep(queries, { known, row, nowMs })), isRepeated: false };
  });
}

async function thereIs(queries: Transaction<Tables>, tenant: string | undefined): Promise<string | undefined> {
  if (tenant === undefined) return undefined;
  const row = await queries.selectFrom("tenant").select("gone_s").where("id", "=", tenant).executeTakeFirst();
  return row?.gone_s === null ? tenant : undefined;
}

async function keep(
  queries: Transaction<Tables>,
  {
    known,
    row,
    nowMs,
  }: {
    known: InboxTable | undefined;
    row: Omit<InboxTable, "attempts" | "received_ms" | "updated_ms">;
    nowMs: number;
  },
): Promise<InboxTable> {
  const whole = {
    ...row,
    attempts: (known?.attempts ?? 0) + 1,
    received_ms: known?.received_ms ?? nowMs,
    updated_ms: nowMs,
  };
  if (known === undefined) await queries.insertInto("inbox").values(whole).execute();
  else {
    await queries.updateTable("inbox").set(whole).where("source", "=", row.source).where("id", "=", row.id).execute();
  }
  return whole;
}

/**
 * Tries a quarantined message again in the caller's transaction, in the name of whoever asks: what it writes before it is
 * found wanting is undone.
 *
 * @throws {Fault} `conflict` where it is in no quarantine
 */
export async function retryItem(
  write: Omit<ItemWrite, "said">,
  item: InboxItem,
  read: ReadItem,
): Promise<{ readonly row: InboxTable; readonly hasNewFacts: boolean; readonly pending: readonly number[] }> {
  const { queries, nowMs } = write;
  const known = await quarantined(write, item);
  const said: ItemWrite["said"] = { pending: [] };
  await sql`savepoint retried`.execute(queries);
  try {
    const state = await read({ ...write, source: item.source, said }, JSON.parse(item.body) as unknown);
    await release(write, known);
    const row = { ...known, tenant_id: said.tenant ?? known.tenant_id, state, code: null, message: null };
    return { row: await keep(queries, { known, row, nowMs }), hasNewFacts: true, pending: said.pending };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    await sql`rollback to savepoint retried`.execute(queries);
    const tenant = await thereIs(queries, said.tenant);
    if (tenant !== undefined && said.isMoney === true) await hold(write, { tenant, item });
    const row = { ...known, tenant_id: tenant ?? known.tenant_id, code: codeOf(error), message: error.message };
    return { row: await keep(queries, { known, row, nowMs }), hasNewFacts: true, pending: [] };
  }
}

/** Puts a quarantined message away for good, and lets the clock go on. @throws {Fault} `missing`; `conflict` */
export async function dismissItem(write: FactWrite, { source, id }: Omit<InboxItem, "body">): Promise<InboxTable> {
  const known = await quarantined(write, { source, id });
  await release(write, known);
  const { body, tenant_id, code } = known;
  const row = { source, id, body, tenant_id, code, state: "ignored", message: write.actor.reason } as const;
  return await keep(write.queries, { known, row, nowMs: write.nowMs });
}

/** Says of a quarantined message that a person has done what it asked for. @throws {Fault} `missing`; `conflict` */
export async function settleItem(write: FactWrite, item: Omit<InboxItem, "body">, tenant: string): Promise<void> {
  const known = await quarantined(write, item);
  await release(write, known);
  const row = { ...known, tenant_id: tenant, state: "done", code: null, message: write.actor.reason } as const;
  await keep(write.queries, { known, row, nowMs: write.nowMs });
}

async function quarantined(
  { store, queries }: FactWrite,
  { source, id }: Omit<InboxItem, "body">,
): Promise<InboxTable> {
  const known = await lockRow(store, rowOf(queries, { source, id }));
  if (known === undefined) throw new Fault("missing", `there is no message ${id} from ${source}`);
  if (known.state !== "quarantined") throw new Fault("conflict", `message ${id} from ${source} is ${known.state}`);
  return known;
}

function rowOf(queries: Transaction<Tables>, { source, id }: Omit<InboxItem, "body">) {
  return queries.selectFrom("inbox").selectAll().where("source", "=", source).where("id", "=", id);
}

/** Who records what a message says: its sender. */
export function actorOf({ source, id }: Pick<InboxItem, "source" | "id">): Actor {
  return {
    id: source,
    role: "system",
    reason: `${source} says so in ${id}`.slice(0, 500),
    correlationId: `${source}:${id}`.slice(0, 128),
  };
}

function subjectOf({ source, id }: Omit<InboxItem, "body">): string {
  return `inbox:${source}:${id}`;
}

/** Holds the clock of a tenant for as long as a message about its money is in doubt. */
async function hold(write: FactWrite, { tenant, item }: { tenant: string; item: InboxItem }): Promise<void> {
  const subject = subjectOf(item);
  if (await isHeld(write, tenant, subject)) return;
  const fact = { kind: "money_unmatched", id: `${subject}:${write.nowMs}`, atMs: write.nowMs, subject } as const;
  try {
    await recordFact(write, { tenant, track: "nonpayment", fact });
  } catch (error) {
    // A policy without the track runs no clock that could be held.
    if (!(error instanceof Fault)) throw error;
  }
}

async function release(write: FactWrite, { source, id, tenant_id }: InboxTable): Promise<void> {
  const subject = subjectOf({ source, id });
  if (tenant_id === null || !(await isHeld(write, tenant_id, subject))) return;
  const atMs = write.nowMs;
  const fact = { kind: "money_matched", id: `${subject}:over:${atMs}`, atMs, subject } as const;
  await recordFact(write, { tenant: tenant_id, track: "nonpayment", fact });
}

async function isHeld({ queries }: FactWrite, tenant: string, subject: string): Promise<boolean> {
  const rows = await queries
    .selectFrom("fact")
    .select(["kind", "body"])
    .where("tenant_id", "=", tenant)
    .where("kind", "in", ["money_unmatched", "money_matched"])
    .execute();
  const about = rows.filter(({ body }) => (JSON.parse(body) as { subject: string }).subject === subject);
  const count = (kind: string): number => about.filter((row) => row.kind === kind).length;
  return count("money_unmatched") > count("money_matched");
}
