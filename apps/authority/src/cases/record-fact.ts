import { randomUUID } from "node:crypto";
import type { Fact, Track } from "@dimmer/lifecycle";
import { Fault } from "../changes/fault.ts";
import { writeLedger } from "../changes/record-change.ts";
import type { TenantWrite } from "../changes/tenants.ts";
import type { CaseFileTable } from "../store/schema.ts";
import { caseById, caseFor } from "./open-case.ts";
import { isOfOtherCases } from "./read-facts.ts";
import { subjectsOf } from "./subjects.ts";

/** What a fact is recorded under: the write that it is part of, and where it came from. */
export interface FactWrite extends Pick<TenantWrite, "store" | "queries" | "actor" | "nowMs"> {
  /** `api` where left out; `stripe`, `import`, the name of an adapter, `runner`, `sender`. */
  readonly source?: string;
}

/** A fact, and the case that it belongs to: one that is named, or the one of a tenant's track. */
export type FactToRecord = { readonly fact: Fact } & (
  | { readonly case: string }
  | { readonly tenant: string; readonly track: Track }
);

/** What became of a fact. */
export interface RecordedFact {
  readonly case: CaseFileTable;
  /** Whether it was not known yet. The same fact again changes nothing. */
  readonly isNew: boolean;
}

/**
 * Records a fact: the one way in. Where only a tenant is named it goes to the case that knows what it speaks of, else to
 * the tenant's open case of the track, else it opens one under the active policy. Writes its ledger entry in the caller's
 * transaction and has the case looked at: call `service.wakeCases()` after the commit, so that this happens at once. It
 * judges nothing about its content; `planCase` quarantines what cannot be followed.
 *
 * @throws {Fault} `missing` tenant or case; `conflict` where another fact has this id already
 */
export async function recordFact(write: FactWrite, input: FactToRecord): Promise<RecordedFact> {
  const { queries, actor, nowMs, source = "api" } = write;
  const { fact } = input;
  const file = "case" in input ? await caseById(write, input.case) : await caseFor(write, input);
  const body = JSON.stringify(fact);
  const known = await queries
    .selectFrom("fact")
    .select("body")
    .where("case_id", "=", file.id)
    .where("id", "=", fact.id)
    .executeTakeFirst();
  if (known !== undefined) {
    if (known.body === body) return { case: file, isNew: false };
    throw new Fault(
      "conflict",
      `case ${file.id} has another fact ${fact.id} already; give this one an id of its own`,
      "id",
    );
  }
  await queries
    .insertInto("fact")
    .values({
      id: fact.id,
      case_id: file.id,
      tenant_id: file.tenant_id,
      kind: fact.kind,
      subject: subjectsOf(fact).own ?? null,
      at_ms: fact.atMs,
      body,
      source,
      actor: actor.id,
      received_ms: nowMs,
    })
    .execute();
  await writeLedger(queries, actor, { action: `fact.${fact.kind}`, subject: `case:${file.id}`, after: fact }, nowMs);
  if (isOfOtherCases(fact)) await wakeCasesOf(queries, file.tenant_id);
  return { case: await wakeCase(write, file), isNew: true };
}

/** Has every open case of a tenant looked at: something changed that they are planned from. */
export async function wakeCasesOf(queries: FactWrite["queries"], tenant: string): Promise<void> {
  await queries
    .updateTable("case_file")
    .set({ next_wake_ms: 0 })
    .where("tenant_id", "=", tenant)
    .where("state", "=", "open")
    .execute();
}

/** Says in the open cases of a tenant that its contacts changed: what bounced is sent again. */
export async function noteContacts(
  write: FactWrite,
  { id, revision }: { id: string; revision: number },
): Promise<void> {
  const open = await write.queries
    .selectFrom("case_file")
    .select("id")
    .where("tenant_id", "=", id)
    .where("state", "=", "open")
    .execute();
  for (const { id: name } of open) {
    const fact = { kind: "contacts_changed", id: `contacts/${revision}`, atMs: write.nowMs } as const;
    await recordFact(write, { case: name, fact });
  }
}

/**
 * An id for a fact that a person makes. Facts of one instant are taken in the order of their ids: it rises with the
 * revision of the case, so that what was said later counts later.
 */
export function personalFactId({ revision }: Pick<CaseFileTable, "revision">): string {
  return `fact_${String(revision).padStart(9, "0")}_${randomUUID()}`;
}

/** Has a case looked at; one that was closed is open again. */
async function wakeCase({ queries, nowMs }: FactWrite, file: CaseFileTable): Promise<CaseFileTable> {
  const changed = {
    state: "open",
    closed_ms: null,
    next_wake_ms: 0,
    revision: file.revision + 1,
    updated_ms: nowMs,
  } as const;
  await queries.updateTable("case_file").set(changed).where("id", "=", file.id).execute();
  return { ...file, ...changed };
}
