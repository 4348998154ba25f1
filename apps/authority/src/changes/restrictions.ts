import type { WireRestriction } from "@dimmer/statement";
import { lockRow } from "../sequencer/lease.ts";
import type { RestrictionTable, TenantTable } from "../store/schema.ts";
import { checkEntitlement, checkSize } from "./check-entitlement.ts";
import { Fault } from "./fault.ts";
import { enqueue, PRIORITY, writeLedger } from "./record-change.ts";
import { restrictionsInForce, wireRestriction } from "./restriction-rows.ts";
import { checkRevision, type TenantWrite, type Written } from "./tenants.ts";

/** A restriction as it is put, in the wire's seconds. */
export interface RestrictionInput {
  readonly tenant: string;
  /** The case id, which names the restriction. */
  readonly case: string;
  readonly cause: string;
  readonly steps: readonly unknown[];
  readonly exception?: unknown;
  /** What follows from the facts of a case may come back after it was cleared: a payment may be reversed. */
  readonly mayReopen?: boolean;
  /** Default: that of a change. */
  readonly priority?: number;
}

/**
 * Puts a restriction on a tenant, or changes its steps or exception. Its cause and tenant stay what they were.
 *
 * @throws {Fault} `missing` tenant; `invalid` naming the field; `conflict` where the case is another tenant's, of another
 *   cause or closed; `outdated`
 */
export async function putRestriction(write: TenantWrite, input: RestrictionInput): Promise<Written<RestrictionTable>> {
  const { store, queries, policy, actor, nowMs } = write;
  const tenant = await tenantOf(write, input.tenant);
  const before = await lockRow(store, queries.selectFrom("restriction").selectAll().where("id", "=", input.case));
  checkRevision(write, before?.revision ?? 0, `case ${input.case}`);
  if (before !== undefined) refuseOther(before, input);
  refuseUnscheduled(input);
  const others = await restrictionsInForce(queries, input.tenant, input.case);
  const { cause, steps, exception } = input;
  const restrictions = others.map(wireRestriction);
  const wire = { cause, case: input.case, steps, ...(exception === undefined ? {} : { exception }) };
  const features = JSON.parse(tenant.features) as Record<string, unknown>;
  checkEntitlement(policy, {
    id: tenant.id,
    plan: tenant.plan,
    features,
    restrictions: [...restrictions, wire],
  });
  if (before === undefined || JSON.stringify(steps).length > before.steps.length) {
    checkSize("steps", { features, restrictions: [...restrictions, wire as WireRestriction] });
  }
  const row: RestrictionTable = {
    id: input.case,
    tenant_id: input.tenant,
    cause,
    steps: JSON.stringify(steps),
    exception: exception === undefined ? null : JSON.stringify(exception),
    revision: (before?.revision ?? 0) + 1,
    created_ms: before?.created_ms ?? nowMs,
    updated_ms: nowMs,
    cleared_ms: null,
  };
  if (before === undefined) await queries.insertInto("restriction").values(row).execute();
  else if (before.steps === row.steps && before.exception === row.exception) {
    if (before.cleared_ms === null) return { value: before, pending: [], isNew: false };
    await queries.updateTable("restriction").set(row).where("id", "=", input.case).execute();
  } else await queries.updateTable("restriction").set(row).where("id", "=", input.case).execute();
  const subject = `case:${input.case}`;
  await writeLedger(queries, actor, { action: "restriction.put", subject, before, after: row }, nowMs);
  const pending = await enqueue(queries, "entitlement", {
    tenant: input.tenant,
    priority: input.priority ?? PRIORITY.change,
    actor,
    nowMs,
  });
  return { value: row, pending: [pending], isNew: before === undefined };
}

/**
 * Ends a restriction: what it denied is open again unless another cause denies it. Goes before everything but locks.
 *
 * @throws {Fault} `missing`; `outdated`
 */
export async function clearRestriction(
  write: TenantWrite,
  { tenant, case: caseId }: { readonly tenant: string; readonly case: string },
): Promise<Written<RestrictionTable>> {
  const { store, queries, actor, nowMs } = write;
  const before = await lockRow(store, queries.selectFrom("restriction").selectAll().where("id", "=", caseId));
  if (before === undefined || before.tenant_id !== tenant || before.cleared_ms !== null) {
    throw new Fault("missing", `tenant ${tenant} has no open case ${caseId}`);
  }
  checkRevision(write, before.revision, `case ${caseId}`);
  const row = { ...before, revision: before.revision + 1, updated_ms: nowMs, cleared_ms: nowMs };
  await queries.updateTable("restriction").set(row).where("id", "=", caseId).execute();
  await writeLedger(
    queries,
    actor,
    { action: "restriction.clear", subject: `case:${caseId}`, before, after: row },
    nowMs,
  );
  const pending = await enqueue(queries, "entitlement", { tenant, priority: PRIORITY.restore, actor, nowMs });
  return { value: row, pending: [pending], isNew: false };
}

async function tenantOf({ store, queries }: TenantWrite, id: string): Promise<TenantTable> {
  const tenant = await lockRow(store, queries.selectFrom("tenant").selectAll().where("id", "=", id));
  if (tenant === undefined || tenant.gone_s !== null) throw new Fault("missing", `there is no tenant ${id}`);
  return tenant;
}

function refuseOther(before: RestrictionTable, input: RestrictionInput): void {
  if (before.tenant_id !== input.tenant) {
    throw new Fault("conflict", `case ${input.case} belongs to another tenant; give a case id of its own`, "case");
  }
  if (before.cleared_ms !== null && input.mayReopen !== true) {
    throw new Fault("conflict", `case ${input.case} is closed; open a new one`, "case");
  }
  if (before.cause !== input.cause) {
    throw new Fault("conflict", `case ${input.case} is one of ${before.cause}; a cause does not change`, "cause");
  }
}

/** What a replica would honour and nobody may ask for. */
function refuseUnscheduled({ cause, steps, exception }: RestrictionInput): void {
  const step = steps.findIndex((item) => (item as { mode?: unknown } | null)?.mode === NEVER_SCHEDULED);
  if (step !== -1) {
    const message = `steps[${step}].mode: ${NEVER_SCHEDULED} is never scheduled: it is the floor of an exception`;
    throw new Fault("invalid", message, `steps[${step}].mode`);
  }
  if (exception !== undefined && cause !== "nonpayment") {
    throw new Fault("invalid", `exception: is granted under nonpayment only, and the cause is ${cause}`, "exception");
  }
}

const NEVER_SCHEDULED = "essential";
