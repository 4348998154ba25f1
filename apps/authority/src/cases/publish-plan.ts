import type { Exception, Restriction } from "@dimmer/core";
import { secondsToWire, type WireException, type WireStep } from "@dimmer/statement";
import { PRIORITY } from "../changes/record-change.ts";
import { clearRestriction, putRestriction } from "../changes/restrictions.ts";
import type { RestrictionTable } from "../store/schema.ts";
import type { CaseTurn } from "./case-turn.ts";

/** What the plan made of the entitlement. */
export interface PublishedPlan {
  /** The pending change; `undefined` where the entitlement says so already. */
  readonly pending?: number;
  /** Whether something that was denied is open again. */
  readonly isWidened: boolean;
}

/**
 * Has the entitlement say what the plan says: puts, changes or ends the restriction of the case, in the caller's
 * transaction. What only widens goes before everything but locks (L3).
 *
 * @throws {Fault} `invalid` where the active policy has no such mode or feature
 */
export async function publishPlan(turn: CaseTurn): Promise<PublishedPlan> {
  const { store, queries, file, policy, actor, nowMs, plan } = turn;
  const before = await queries.selectFrom("restriction").selectAll().where("id", "=", file.id).executeTakeFirst();
  const isOpen = before?.cleared_ms === null;
  const wanted = plan.restriction;
  const active = await activeCompiled(turn);
  const write = { store, queries, policy: active ?? policy.compiled, actor, nowMs };
  const place = { tenant: file.tenant_id, case: file.id };
  if (wanted === undefined) {
    if (!isOpen) return { isWidened: false };
    const { pending } = await clearRestriction(write, place);
    return pendingOf(pending, true);
  }
  const { steps, exception } = wireOf(wanted);
  const isWidened = isOpen && !isLonger(before, steps) && !losesFloor(before, exception);
  const { pending } = await putRestriction(write, {
    ...place,
    cause: wanted.cause,
    steps,
    ...(exception === undefined ? {} : { exception }),
    mayReopen: true,
    priority: isWidened ? PRIORITY.restore : PRIORITY.change,
  });
  return pendingOf(pending, isWidened);
}

function pendingOf([pending]: readonly number[], isWidened: boolean): PublishedPlan {
  return pending === undefined ? { isWidened: false } : { pending, isWidened };
}

/** What an entitlement may say is told by the policy in force: replicas know no other. */
async function activeCompiled({
  queries,
  policy,
  policies,
}: CaseTurn): Promise<CaseTurn["policy"]["compiled"] | undefined> {
  const active = await queries.selectFrom("policy").select("id").where("state", "=", "active").executeTakeFirst();
  if (active === undefined || active.id === policy.id) return undefined;
  return (await policies.of(queries, active.id)).compiled;
}

/** In whole seconds; a step is never earlier than it was announced, and never in the same second as the one before. */
function wireOf({ steps, exception }: Restriction): { steps: WireStep[]; exception?: WireException } {
  let before = -1;
  const wire = steps.map(({ atMs, mode, deny }) => {
    before = Math.max(before + 1, Math.ceil(atMs / 1_000));
    return { at: before, mode, ...(deny === undefined ? {} : { deny }) };
  });
  return { steps: wire, ...(exception === undefined ? {} : { exception: exceptionOf(exception) }) };
}

function exceptionOf({ floor, fromMs, untilMs }: Exception): WireException {
  return { floor, from: secondsToWire(fromMs), until: Math.ceil(untilMs / 1_000) };
}

/** Whether there is a step that was not there before. */
function isLonger(before: RestrictionTable, steps: readonly WireStep[]): boolean {
  const known = new Set((JSON.parse(before.steps) as WireStep[]).map((step) => JSON.stringify(step)));
  return steps.some((step) => !known.has(JSON.stringify(step)));
}

function losesFloor(before: RestrictionTable, exception: WireException | undefined): boolean {
  if (before.exception === null) return false;
  const { until } = JSON.parse(before.exception) as WireException;
  return exception === undefined || exception.until < until;
}
