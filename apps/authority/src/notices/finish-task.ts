import { deletionHold } from "../cases/deletion-hold.ts";
import type { FactWrite } from "../cases/record-fact.ts";
import { Fault } from "../changes/fault.ts";
import { writeLedger } from "../changes/record-change.ts";
import { lockRow } from "../sequencer/lease.ts";
import type { TaskTable } from "../store/schema.ts";
import { type Evidence, recordEvidence } from "./delivery-evidence.ts";

/** What came of a task, and the log of it. */
export interface TaskOutcome {
  readonly outcome: "done" | "reached" | "not_reached" | "delivered" | "cancelled";
  readonly person?: string | undefined;
  readonly note?: string | undefined;
  readonly reference?: string | undefined;
}

/** What an outcome says of a delivery. One that nobody tries any more has not arrived. */
const EVIDENCE_OF: Readonly<Record<TaskOutcome["outcome"], Evidence>> = {
  done: "accepted",
  reached: "accepted",
  not_reached: "bounced",
  delivered: "delivered",
  cancelled: "bounced",
};

/**
 * Ends a task with its ledger entry, and where it was to reach somebody, with the evidence of that.
 *
 * @throws {Fault} `missing`; `conflict` where it has ended already, or a deletion is held and no note says what was deleted
 */
export async function finishTask(
  write: FactWrite,
  id: string,
  { outcome, person, note, reference }: TaskOutcome,
): Promise<{ readonly task: TaskTable; readonly isFact: boolean }> {
  const { store, queries, actor, nowMs } = write;
  const before = await lockRow(store, queries.selectFrom("task").selectAll().where("id", "=", id));
  if (before === undefined) throw new Fault("missing", `there is no task ${id}`);
  if (before.state !== "open") throw new Fault("conflict", `task ${id} is ${before.state} already`);
  if (before.kind === "delete_data" && outcome !== "cancelled" && note === undefined) {
    const hold = await deletionHold(queries, before.tenant_id);
    const mend = "leave the task open until it is lifted; what was deleted before belongs into `note`";
    if (hold !== undefined) throw new Fault("conflict", `the data must not be deleted: ${hold}; ${mend}`);
  }
  const log = Object.fromEntries(
    Object.entries({ outcome, person, note, reference }).filter(([, value]) => value !== undefined),
  );
  const body = JSON.parse(before.body) as { readonly notice?: string; readonly delivery?: string };
  const task: TaskTable = {
    ...before,
    body: JSON.stringify({ ...body, log }),
    state: outcome === "cancelled" ? "cancelled" : "done",
    done_ms: nowMs,
    done_by: actor.id,
  };
  const { body: logged, state, done_ms, done_by } = task;
  await queries.updateTable("task").set({ body: logged, state, done_ms, done_by }).where("id", "=", id).execute();
  const after = { id, kind: task.kind, ...log };
  await writeLedger(queries, actor, { action: `task.${state}`, subject: `case:${task.case_id}`, after }, nowMs);
  if (body.notice === undefined || body.delivery === undefined) return { task, isFact: false };
  const { isFact } = await recordEvidence(write, {
    notice: body.notice,
    delivery: body.delivery,
    evidence: EVIDENCE_OF[outcome],
    detail: reference ?? note,
  });
  return { task, isFact };
}
