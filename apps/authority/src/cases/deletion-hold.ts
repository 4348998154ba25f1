import type { Fact } from "@dimmer/lifecycle";
import { writeLedger } from "../changes/record-change.ts";
import type { Queries } from "../store/open-store.ts";
import type { CaseTurn } from "./case-turn.ts";
import { openTask } from "./tasks.ts";

/** What forbids to delete a tenant's data, in words: a lock or a legal hold in any of its cases (L5); two queries. */
export async function deletionHold(queries: Queries, tenant: string): Promise<string | undefined> {
  const lock = await queries
    .selectFrom("lock")
    .select("case_id")
    .where("tenant_id", "=", tenant)
    .where("lifted_ms", "is", null)
    .executeTakeFirst();
  if (lock !== undefined) return `the tenant is locked (case ${lock.case_id})`;
  const rows = await queries
    .selectFrom("fact")
    .select(["case_id", "body"])
    .where("tenant_id", "=", tenant)
    .where("kind", "in", ["legal_hold_placed", "legal_hold_released"])
    .orderBy("seq")
    .execute();
  const standing = new Map<string, string>();
  for (const { case_id, body } of rows) {
    const fact = JSON.parse(body) as Fact;
    if (fact.kind === "legal_hold_placed") standing.set(fact.subject, `${fact.basis} (case ${case_id})`);
    if (fact.kind === "legal_hold_released") standing.delete(fact.subject);
  }
  const [basis] = standing.values();
  return basis === undefined ? undefined : `a legal hold stands: ${basis}`;
}

/**
 * Tells who deletes to stop, where a hold comes while a deletion is under way: the task that asked for it stays open, is
 * shown as held and cannot be ended as if nothing were. Told once for each.
 */
export async function stopDeletions({ queries, file, actor, nowMs, plan }: CaseTurn): Promise<void> {
  const isHolding = plan.lock !== undefined || plan.holds.some(({ holds }) => holds === "deletion");
  if (!isHolding) return;
  const tasks = await queries
    .selectFrom("task")
    .select(["id", "kind", "case_id", "body"])
    .where("tenant_id", "=", file.tenant_id)
    .where("state", "=", "open")
    .where("kind", "in", ["delete_data", "stop_deletion"])
    .execute();
  const told = new Set(
    tasks.flatMap(({ kind, body }) => (kind === "stop_deletion" ? [(JSON.parse(body) as { task: string }).task] : [])),
  );
  const running = tasks.filter(({ id, kind }) => kind === "delete_data" && !told.has(id));
  const hold = running.length === 0 ? undefined : await deletionHold(queries, file.tenant_id);
  if (hold === undefined) return;
  for (const { id: task } of running) {
    const title = "Stop deleting: nothing of the tenant may go while it is held";
    await openTask(
      { queries, file, actor, nowMs },
      {
        kind: "stop_deletion",
        role: "admin",
        title,
        body: { task, hold },
        dueMs: nowMs,
      },
    );
    const after = { id: task, kind: "delete_data", hold };
    await writeLedger(queries, actor, { action: "task.hold", subject: `case:${file.id}`, after }, nowMs);
  }
}
