import type { DueAction, Fact } from "@dimmer/lifecycle";
import { Fault } from "../changes/fault.ts";
import { liftLock, lockTenant } from "../changes/locks.ts";
import { emitEvent } from "../events/emit-event.ts";
import { type EnqueuedNotice, enqueueNotice } from "../notices/enqueue-notice.ts";
import { addFact } from "./add-fact.ts";
import type { CaseTurn } from "./case-turn.ts";
import { mayDelete } from "./may-delete.ts";
import { signingFault } from "./may-sign.ts";
import { openTask } from "./tasks.ts";

type Kind = DueAction["kind"];
type ActionOf<K extends Kind> = Extract<DueAction, { kind: K }>;

/** What was done about an action. */
export interface Acted {
  /** What to write back; none where it could not be done and is asked for again. */
  readonly facts: readonly Fact[];
  /** Why it was not done, for a person. */
  readonly fault?: string;
  /** Pending changes of the feed. */
  readonly pending?: readonly number[];
}

type Doing = { readonly [K in Kind]: (turn: CaseTurn, action: ActionOf<K>) => Promise<Acted> };

/** Does what is due, in the caller's transaction. @throws {Fault} where a change is refused */
export async function act(turn: CaseTurn, action: DueAction): Promise<Acted> {
  return await (DOING[action.kind] as (turn: CaseTurn, action: DueAction) => Promise<Acted>)(turn, action);
}

const DOING: Doing = {
  send_notice: async (turn, action) => {
    const { queries, file, tenant, plan, nowMs } = turn;
    const { stage, round, template, stepAtMs } = action;
    let enqueued: EnqueuedNotice;
    try {
      enqueued = await enqueueNotice(queries, { case: file, tenant, action, plan, nowMs });
    } catch (error) {
      // What is announced nowhere does not happen; what a payment ends has no notice to wait for (L3).
      if (!(error instanceof Fault)) throw error;
      return { facts: [], fault: `the notice of ${stage} is not sent: ${error.message}` };
    }
    const { noticeId, addresses } = enqueued;
    const printed = stepAtMs === undefined ? {} : { stepAtMs };
    const sent = { kind: "notice_sent", notice: noticeId, stage, round, template, addresses, ...printed } as const;
    return { facts: [await addFact(turn, action.key, sent)] };
  },
  ask_decision: async (turn, action) => {
    const { stage, round, mode, key } = action;
    const decision = decisionOf(turn, stage, round);
    const title = `Decide on ${stage}: ${mode}`;
    await openTask(turn, {
      kind: "decide_step",
      role: stage === "deletion" ? "legal" : "collections",
      title,
      body: { stage, round, mode },
      dueMs: decision?.untilMs,
    });
    return await done(turn, key);
  },
  alert_decision: async (turn, { stage, round, key, dueMs }) => {
    await openTask(turn, {
      kind: "decision_overdue",
      role: "collections",
      title: `The decision on ${stage} is overdue`,
      body: { stage, round },
      dueMs,
    });
    return await done(turn, key);
  },
  sign_step: async (turn, action) => {
    const fault = await signingFault(turn, action);
    if (fault !== undefined) return { facts: [], fault: `${action.stage} is not signed: ${fault}` };
    const { stage, round, stepAtMs, mode, deny, key } = action;
    const signed = {
      kind: "step_signed",
      stage,
      round,
      stepAtMs,
      mode,
      ...(deny === undefined ? {} : { deny }),
    } as const;
    return { facts: [await addFact(turn, key, signed)] };
  },
  withdraw_step: async (turn, { stage, round, reason, key }) => {
    const facts = [await addFact(turn, key, { kind: "step_withdrawn", stage, round })];
    // What was in force ends as a return, and is told as one.
    if (!isInForce(turn, stage, round)) await tell(turn, "step.withdrawn", { stage, round, reason });
    return { facts };
  },
  fix_contacts: async (turn, { notice, key }) => {
    const title = "Find an address that works: every one of the notice bounced";
    await openTask(turn, { kind: "fix_contacts", role: "cs", title, body: { notice } });
    return await done(turn, key);
  },
  start_task: async (turn, { task, latestMs, key }) => {
    const role = turn.file.track === "breach" ? "legal" : task === "final_invoice" ? "finance" : "cs";
    await openTask(turn, { kind: task, role, title: task.replaceAll("_", " "), body: {}, dueMs: latestMs });
    return await done(turn, key);
  },
  restore: async (turn, { key }) => {
    await tell(turn, "restored", { obligations: turn.plan.obligations });
    return await done(turn, key);
  },
  lock: async (turn, { lock, key }) => {
    const { pending } = await lockTenant(lockWrite(turn), lock);
    await tell(turn, "locked", { cause: lock.cause, allow: lock.allow });
    return { ...(await done(turn, key)), pending };
  },
  unlock: async (turn, { key }) => {
    const { queries, file } = turn;
    const held = await queries
      .selectFrom("lock")
      .select("id")
      .where("case_id", "=", file.id)
      .where("lifted_ms", "is", null)
      .executeTakeFirst();
    const place = { tenant: file.tenant_id, case: file.id };
    const pending = held === undefined ? [] : (await liftLock(lockWrite(turn), place)).pending;
    await tell(turn, "unlocked", {});
    return { ...(await done(turn, key)), pending };
  },
  review_lock: async (turn, { latestMs, key }) => {
    await openTask(turn, {
      kind: "review_lock",
      role: "security",
      title: "Review the lock",
      body: {},
      dueMs: latestMs,
    });
    return await done(turn, key);
  },
  delete_data: async (turn, { backupsUntilMs, key }) => {
    const fault = await mayDelete(turn);
    if (fault !== undefined) return { facts: [], fault: `the data is not deleted: ${fault}` };
    await openTask(turn, {
      kind: "delete_data",
      role: "admin",
      title: "Delete the data, and the backups by their date",
      body: { backupsUntilMs },
      dueMs: backupsUntilMs,
    });
    return { facts: [await addFact(turn, key, { kind: "deleted" })] };
  },
};

async function done(turn: CaseTurn, key: string): Promise<Acted> {
  return { facts: [await addFact(turn, `done/${key}`, { kind: "action_done", action: key })] };
}

async function tell(
  { queries, file, nowMs }: CaseTurn,
  type: Parameters<typeof emitEvent>[1]["type"],
  data: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { tenant_id: tenant, correlation_id: correlationId } = file;
  await emitEvent(queries, { type, tenant, case: file.id, correlationId, data, nowMs });
}

function lockWrite({ queries, policy, actor, nowMs, newLocks }: CaseTurn) {
  return { queries, policy: policy.compiled, actor, nowMs, newLocks };
}

function decisionOf({ plan }: CaseTurn, stage: string, round: string) {
  if (stage === "deletion") return plan.deletion?.decision;
  return plan.steps.find((step) => step.stage === stage && step.round === round)?.decision;
}

function isInForce({ facts, nowMs }: CaseTurn, stage: string, round: string): boolean {
  return facts.some(
    (fact) => fact.kind === "step_signed" && fact.stage === stage && fact.round === round && fact.stepAtMs <= nowMs,
  );
}
