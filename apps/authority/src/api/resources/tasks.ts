import { z } from "zod";
import { deletionHold } from "../../cases/deletion-hold.ts";
import { ROLES, type Role } from "../../changes/actor.ts";
import { Fault } from "../../changes/fault.ts";
import { finishTask } from "../../notices/finish-task.ts";
import type { Queries } from "../../store/open-store.ts";
import type { TaskTable } from "../../store/schema.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { caseId, isoOf, lineOfText, madeId, page, tenantId } from "../values.ts";

const instant = z.string().meta({ format: "date-time" });
const taskShown = z
  .looseObject({
    id: z.string(),
    tenant: z.string(),
    case: z.string(),
    kind: z.string(),
    role: z.string(),
    title: z.string(),
    body: z.looseObject({}),
    state: z.enum(["open", "done", "cancelled"]),
    dueAt: instant.nullable(),
    createdAt: instant,
    doneAt: instant.nullable(),
    doneBy: z.string().nullable(),
    hold: z.string().optional().meta({ description: "Why a deletion must stand still: a lock, a legal hold." }),
  })
  .meta({ id: "Task" });

/** A deletion that is held says so, whenever the hold came. */
async function showNow(queries: Queries, row: TaskTable): Promise<Record<string, unknown>> {
  if (row.kind !== "delete_data" || row.state !== "open") return show(row);
  const hold = await deletionHold(queries, row.tenant_id);
  return { ...show(row), ...(hold === undefined ? {} : { hold }) };
}

function show(row: TaskTable): Record<string, unknown> {
  return {
    id: row.id,
    tenant: row.tenant_id,
    case: row.case_id,
    kind: row.kind,
    role: row.role,
    title: row.title,
    body: JSON.parse(row.body) as unknown,
    state: row.state,
    dueAt: isoOf(row.due_ms),
    createdAt: isoOf(row.created_ms),
    doneAt: isoOf(row.done_ms),
    doneBy: row.done_by,
  };
}

const WORKERS = ROLES.filter((role): role is Exclude<Role, "auditor"> => role !== "auditor");

/** Tasks: what people do for a case, and the log of it. */
export const taskOperations: readonly Operation[] = [
  reads({
    name: "listTasks",
    tag: "Tasks",
    path: "/v1/tasks",
    summary: "Work for people, by id",
    access: "any key",
    query: page.extend({
      state: z.enum(["open", "done", "cancelled"]).optional(),
      role: z.enum(ROLES).optional(),
      tenant: tenantId.optional(),
      case: caseId.optional(),
    }),
    answers: {
      200: {
        description: "A page.",
        schema: z.looseObject({ items: z.array(taskShown), next: z.string().nullable() }),
      },
    },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("task")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.state !== undefined) select = select.where("state", "=", query.state);
      if (query.role !== undefined) select = select.where("role", "=", query.role);
      if (query.tenant !== undefined) select = select.where("tenant_id", "=", query.tenant);
      if (query.case !== undefined) select = select.where("case_id", "=", query.case);
      const { items, next } = pageOf(await select.execute(), query.limit, {
        placeOf: ({ id }) => id,
        show: (row) => row,
      });
      return { body: { items: await Promise.all(items.map((row) => showNow(service.store.db, row))), next } };
    },
  }),
  reads({
    name: "getTask",
    tag: "Tasks",
    path: "/v1/tasks/{id}",
    summary: "A task: whom to reach and what to say, and what came of it",
    access: "any key",
    params: z.strictObject({ id: madeId }),
    answers: { 200: { description: "The task.", schema: taskShown }, 404: { description: "There is none." } },
    handle: async ({ service, params: { id } }) => {
      const row = await service.store.db.selectFrom("task").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) throw new Fault("missing", `there is no task ${id}`);
      return { body: await showNow(service.store.db, row) };
    },
  }),
  writes({
    name: "finishTask",
    tag: "Tasks",
    method: "POST",
    path: "/v1/tasks/{id}/done",
    summary: "Say what came of a task",
    description:
      "By a key with the task's role. For a call, an SMS or a letter the outcome is the evidence of its delivery: `reached` " +
      "counts as accepted, `delivered` is a letter handed over, `not_reached` counts as bounced.",
    access: WORKERS,
    params: z.strictObject({ id: madeId }),
    body: z.strictObject({
      outcome: z.enum(["done", "reached", "not_reached", "delivered"]).default("done"),
      person: lineOfText(200).optional().meta({ description: "Who was spoken to." }),
      note: lineOfText(2_000).optional().meta({ description: "What was said, and why it came to this." }),
      reference: lineOfText(200).optional().meta({ description: "Of the post: 配達証明, a tracking number." }),
    }),
    answers: {
      200: { description: "It is done.", schema: taskShown },
      409: { description: "It is done or cancelled already, or what it deletes is held." },
    },
    handle: async ({ service, queries, params: { id }, body, nowMs, as }) => {
      const row = await queries.selectFrom("task").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) throw new Fault("missing", `there is no task ${id}`);
      const actor = as([row.role as Role], `a task of ${row.role}`);
      const { task, isFact } = await finishTask({ store: service.store, queries, actor, nowMs }, row.id, body);
      return { status: 200, body: show(task), hasNewFacts: isFact };
    },
  }),
  writes({
    name: "cancelTask",
    tag: "Tasks",
    method: "POST",
    path: "/v1/tasks/{id}/cancel",
    summary: "Say that a task need not be done",
    access: WORKERS,
    params: z.strictObject({ id: madeId }),
    answers: {
      200: { description: "It is cancelled.", schema: taskShown },
      409: { description: "It is done or cancelled already." },
    },
    handle: async ({ service, queries, params: { id }, nowMs, as }) => {
      const row = await queries.selectFrom("task").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) throw new Fault("missing", `there is no task ${id}`);
      const actor = as([row.role as Role], `a task of ${row.role}`);
      const write = { store: service.store, queries, actor, nowMs };
      const { task, isFact } = await finishTask(write, row.id, { outcome: "cancelled" });
      return { status: 200, body: show(task), hasNewFacts: isFact };
    },
  }),
];
