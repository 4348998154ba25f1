import { type CasePlan, planCase } from "@dimmer/lifecycle";
import type { Transaction } from "kysely";
import { lockRow } from "../sequencer/lease.ts";
import type { Store } from "../store/open-store.ts";
import type { CaseFileTable, Tables } from "../store/schema.ts";
import { act } from "./act.ts";
import { type CaseTurn, systemActor } from "./case-turn.ts";
import { stopDeletions } from "./deletion-hold.ts";
import type { PinnedPolicies } from "./pinned-policies.ts";
import { publishPlan } from "./publish-plan.ts";
import { readFacts } from "./read-facts.ts";
import { settleDecisions } from "./tasks.ts";
import { tellChanges } from "./tell-changes.ts";

/** What cases are run under. */
export interface RunContext {
  readonly store: Store;
  readonly policies: PinnedPolicies;
  readonly nowMs: number;
  /** New locks in ten minutes that need no second person. */
  readonly newLocks: number;
}

/** What came of looking at a case. */
export interface RanCase {
  readonly plan?: CasePlan;
  /** Changes of the feed that wait for their signature. */
  readonly pending: readonly number[];
}

/** An action brings the next one about at most so often: a notice, its decision, a signature. */
const MAX_PASSES = 24;

/**
 * Looks at one case: plans it, does what is due and writes the facts back, until nothing is due; then has the entitlement
 * say what the plan says. All of it in the caller's transaction, with ledger and events (L7). It decides nothing about
 * dates by itself.
 *
 * @throws {DimmerError} what `planCase` throws; {Fault} where a change is refused: nothing of it may then be committed
 */
export async function runCase(
  context: RunContext & { readonly queries: Transaction<Tables> },
  id: string,
): Promise<RanCase> {
  const { store, queries, policies, nowMs, newLocks } = context;
  const file = await lockRow(store, queries.selectFrom("case_file").selectAll().where("id", "=", id));
  if (file === undefined) return { pending: [] };
  const tenant = await queries.selectFrom("tenant").selectAll().where("id", "=", file.tenant_id).executeTakeFirst();
  if (tenant === undefined || tenant.gone_s !== null) {
    await queries
      .updateTable("case_file")
      .set({ state: "closed", closed_ms: nowMs, next_wake_ms: null, lease_holder: null, lease_until_ms: null })
      .where("id", "=", id)
      .execute();
    return { pending: [] };
  }
  const policy = await policies.of(queries, file.policy_id);
  const given = await readFacts(queries, file, tenant);
  const facts = [...given.facts];
  const planNow = (): CasePlan => planCase({ ...given, facts }, policy.document, policy.calendars, nowMs);
  const base = {
    store,
    queries,
    file,
    tenant,
    policy,
    policies,
    actor: systemActor(file.correlation_id),
    nowMs,
    newLocks,
  };
  const pending: number[] = [];
  const faults: string[] = [];
  let plan = planNow();
  for (let pass = 0; ; pass++) {
    const known = facts.length;
    faults.length = 0;
    for (const action of plan.due) {
      const acted = await act({ ...base, facts, plan }, action);
      facts.push(...acted.facts);
      pending.push(...(acted.pending ?? []));
      if (acted.fault !== undefined) faults.push(acted.fault);
    }
    if (facts.length === known) break;
    if (pass >= MAX_PASSES) throw new Error(`case ${id} comes to no end: ${JSON.stringify(plan.due)}`);
    plan = planNow();
  }
  const turn: CaseTurn = { ...base, facts, plan };
  const published = await publishPlan(turn);
  if (published.pending !== undefined) {
    pending.push(published.pending);
    if (published.isWidened) await noteRestoration(turn, published.pending);
  }
  await settleDecisions({ queries, file, actor: base.actor, nowMs }, plan);
  await stopDeletions(turn);
  await tellChanges(turn);
  await savePlan(turn, faults);
  return { plan, pending };
}

/** Holds a payment to the clock: from its receipt to the last replica that has what it opened. */
async function noteRestoration({ queries, file, plan }: CaseTurn, pending: number): Promise<void> {
  if (plan.restriction !== undefined) return;
  const cause = await queries
    .selectFrom("fact")
    .select(["id", "received_ms"])
    .where("case_id", "=", file.id)
    .where("kind", "in", [
      "payment",
      "payment_matched",
      "credit_note",
      "invoice_voided",
      "breach_cured",
      "leave_withdrawn",
    ])
    .orderBy("seq", "desc")
    .executeTakeFirst();
  if (cause === undefined) return;
  await queries
    .insertInto("restoration")
    .values({
      case_id: file.id,
      tenant_id: file.tenant_id,
      fact_id: cause.id,
      received_ms: cause.received_ms,
      pending_id: pending,
      enforced_ms: null,
    })
    .execute();
}

async function savePlan({ queries, file, plan, nowMs }: CaseTurn, faults: readonly string[]): Promise<void> {
  const text = JSON.stringify(plan);
  const fault = faults.length === 0 ? null : JSON.stringify({ message: faults.join("; ") });
  const isSame = file.plan === text && file.fault === fault;
  const closed = isOver(plan, file);
  await queries
    .updateTable("case_file")
    .set({
      plan: text,
      basis: JSON.stringify(plan.basis),
      fault,
      // What could not be done is tried again although no instant comes at which it would change by itself.
      next_wake_ms: faults.length > 0 ? nowMs + RETRY_MS : (plan.nextWakeMs ?? null),
      lease_holder: null,
      lease_until_ms: null,
      ...(isSame ? {} : { revision: file.revision + 1, updated_ms: nowMs }),
      ...(closed ? { state: "closed", closed_ms: nowMs } : {}),
    })
    .where("id", "=", file.id)
    .execute();
}

/** Nothing is owed, due, held or left to be met: a fact about it opens it again. */
function isOver({ state, obligations, due, restriction, lock, holds }: CasePlan, file: CaseFileTable): boolean {
  if (state === "closed") return file.state === "open";
  if (state !== "cleared" || file.state === "closed") return false;
  return obligations.length + due.length + holds.length === 0 && restriction === undefined && lock === undefined;
}

const RETRY_MS = 60_000;
