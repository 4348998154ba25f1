import { randomUUID } from "node:crypto";
import type { CasePlan } from "@dimmer/lifecycle";
import type { Transaction } from "kysely";
import type { Actor, Role } from "../changes/actor.ts";
import { writeLedger } from "../changes/record-change.ts";
import type { CaseFileTable, Tables } from "../store/schema.ts";

/** Work that a case has for a person. */
export interface TaskToOpen {
  readonly kind: string;
  readonly role: Role;
  readonly title: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly dueMs?: number | undefined;
}

/** What a task is opened under. */
export interface TaskWrite {
  readonly queries: Transaction<Tables>;
  readonly file: CaseFileTable;
  readonly actor: Actor;
  readonly nowMs: number;
}

/** Opens a task, in the transaction of what it follows from. Its id. */
export async function openTask({ queries, file, actor, nowMs }: TaskWrite, task: TaskToOpen): Promise<string> {
  const id = `task_${randomUUID()}`;
  const { kind, role, title, body, dueMs } = task;
  await queries
    .insertInto("task")
    .values({
      id,
      case_id: file.id,
      tenant_id: file.tenant_id,
      kind,
      role,
      title,
      body: JSON.stringify(body),
      state: "open",
      due_ms: dueMs ?? null,
      alerted_ms: null,
      created_ms: nowMs,
      done_ms: null,
      done_by: null,
    })
    .execute();
  const after = { id, kind, role, ...body };
  await writeLedger(queries, actor, { action: "task.open", subject: `case:${file.id}`, after }, nowMs);
  return id;
}

/** Ends the decisions that nobody has to make any more: they were made, or their step is no longer meant. */
export async function settleDecisions(write: TaskWrite, plan: CasePlan): Promise<void> {
  const { queries, file, nowMs } = write;
  const open = await queries
    .selectFrom("task")
    .select(["id", "body"])
    .where("case_id", "=", file.id)
    .where("state", "=", "open")
    .where("kind", "=", "decide_step")
    .execute();
  for (const { id, body } of open) {
    const { stage, round } = JSON.parse(body) as { stage: string; round: string };
    const decision =
      plan.deletion?.round === round && stage === "deletion"
        ? plan.deletion.decision
        : plan.steps.find((step) => step.stage === stage && step.round === round)?.decision;
    if (decision?.state === "open") continue;
    const state = decision?.state === "made" || decision?.state === "vetoed" ? "done" : "cancelled";
    await queries
      .updateTable("task")
      .set({ state, done_ms: nowMs, done_by: decision?.approvedBy.join(", ") || "runner" })
      .where("id", "=", id)
      .execute();
  }
}
