import { randomUUID } from "node:crypto";
import type { PolicyDocument } from "@dimmer/core";
import type { Fact, Track } from "@dimmer/lifecycle";
import { Fault } from "../changes/fault.ts";
import { activePolicy } from "../changes/policies.ts";
import { writeLedger } from "../changes/record-change.ts";
import { emitEvent } from "../events/emit-event.ts";
import { lockRow } from "../sequencer/lease.ts";
import type { CaseFileTable } from "../store/schema.ts";
import type { FactWrite } from "./record-fact.ts";
import { subjectsOf } from "./subjects.ts";

/** A case that is there, its row held to the end of the transaction. @throws {Fault} `missing` */
export async function caseById({ store, queries }: FactWrite, id: string): Promise<CaseFileTable> {
  const file = await lockRow(store, queries.selectFrom("case_file").selectAll().where("id", "=", id));
  if (file === undefined) throw new Fault("missing", `there is no case ${id}`);
  return file;
}

/**
 * The case that a fact of a tenant belongs to: the one that knows what it speaks of, also where that is closed; else the
 * open one of the track; else a new one.
 *
 * @throws {Fault} `missing` tenant; `conflict` where the active policy has no such track
 */
export async function caseFor(
  write: FactWrite,
  { tenant, track, fact }: { readonly tenant: string; readonly track: Track; readonly fact: Fact },
): Promise<CaseFileTable> {
  const { store, queries } = write;
  const owner = await lockRow(store, queries.selectFrom("tenant").selectAll().where("id", "=", tenant));
  if (owner === undefined || owner.gone_s !== null)
    throw new Fault("missing", `there is no tenant ${tenant}`, "tenant");
  const { of } = subjectsOf(fact);
  if (of.length > 0) {
    const known = await queries
      .selectFrom("fact")
      .innerJoin("case_file", "case_file.id", "fact.case_id")
      .select("case_file.id")
      .where("fact.tenant_id", "=", tenant)
      .where("fact.subject", "in", of)
      .where("case_file.track", "=", track)
      .orderBy("fact.seq", "desc")
      .executeTakeFirst();
    if (known !== undefined) return await caseById(write, known.id);
  }
  const open = await queries
    .selectFrom("case_file")
    .select("id")
    .where("tenant_id", "=", tenant)
    .where("track", "=", track)
    .where("state", "=", "open")
    .orderBy("opened_ms", "desc")
    .executeTakeFirst();
  return open === undefined ? await openCase(write, { tenant, track }) : await caseById(write, open.id);
}

/**
 * Opens a case under the active policy.
 *
 * @param id left out: one of its own
 * @throws {Fault} `conflict` where the policy has no such track
 */
export async function openCase(
  { queries, actor, nowMs }: FactWrite,
  {
    tenant,
    track,
    id = `case_${randomUUID()}`,
  }: { readonly tenant: string; readonly track: Track; readonly id?: string },
): Promise<CaseFileTable> {
  const policy = await activePolicy(queries);
  const { tracks } = JSON.parse(policy?.document ?? "{}") as PolicyDocument;
  if (policy === undefined || tracks?.[track] === undefined) {
    throw new Fault("conflict", `the active policy has no track ${track}: activate one that has it`, "track");
  }
  const file: CaseFileTable = {
    id,
    tenant_id: tenant,
    track,
    state: "open",
    policy_id: policy.id,
    owner: null,
    cause_code: null,
    correlation_id: actor.correlationId,
    plan: null,
    basis: null,
    fault: null,
    next_wake_ms: 0,
    lease_holder: null,
    lease_until_ms: null,
    revision: 1,
    opened_ms: nowMs,
    updated_ms: nowMs,
    closed_ms: null,
  };
  await queries.insertInto("case_file").values(file).execute();
  const after = { tenant, track, policy: policy.id };
  await writeLedger(queries, actor, { action: "case.open", subject: `case:${file.id}`, after }, nowMs);
  await emitEvent(queries, {
    type: "case.opened",
    tenant,
    case: file.id,
    correlationId: file.correlation_id,
    nowMs,
    data: { track },
  });
  return file;
}
