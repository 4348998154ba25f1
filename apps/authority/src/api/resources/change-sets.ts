import { z } from "zod";
import type { Role } from "../../changes/actor.ts";
import { approveChangeSet, countHeld, rejectChangeSet, requestersOf } from "../../changes/change-sets.ts";
import { Fault } from "../../changes/fault.ts";
import type { ChangeSetTable } from "../../store/schema.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { isoOf, madeId, page } from "../values.ts";
import { carried } from "./shown.ts";

const DECIDERS = ["collections", "legal", "security"] as const satisfies readonly Role[];
const MAX_SHOWN = 100;
const params = z.strictObject({ id: madeId });
const instant = z.string().meta({ format: "date-time" });
const shown = z
  .looseObject({
    id: z.string(),
    state: z.enum(["waiting", "approved", "rejected"]),
    kind: z.enum(["entitlement", "locks"]),
    narrowed: z.number().meta({ description: "Tenants, or locks." }),
    requestedBy: z.string(),
    decidedBy: z.string().nullable(),
    reason: z.string(),
    createdAt: instant,
    decidedAt: instant.nullable(),
  })
  .meta({ id: "ChangeSet" });
const decided = z.looseObject({ ...shown.shape, ...carried.shape });

function show(row: ChangeSetTable): Record<string, unknown> {
  return {
    id: row.id,
    state: row.state,
    kind: row.kind,
    narrowed: row.narrowed,
    requestedBy: row.requested_by,
    decidedBy: row.decided_by,
    reason: row.reason,
    createdAt: isoOf(row.created_ms),
    decidedAt: isoOf(row.decided_ms),
  };
}

/** Change sets: what narrows so much at once that a second person decides. */
export const changeSetOperations: readonly Operation[] = [
  reads({
    name: "listChangeSets",
    tag: "Change sets",
    path: "/v1/change-sets",
    summary: "Change sets",
    access: "any key",
    query: page.extend({ state: z.enum(["waiting", "approved", "rejected"]).optional() }),
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(shown) }) } },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("change_set")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.state !== undefined) select = select.where("state", "=", query.state);
      return { body: pageOf(await select.execute(), query.limit, { placeOf: ({ id }) => id, show }) };
    },
  }),
  reads({
    name: "getChangeSet",
    tag: "Change sets",
    path: "/v1/change-sets/{id}",
    summary: "A change set with how many wait in it now, who asked, and some of its tenants",
    access: "any key",
    params,
    answers: {
      200: {
        description: "The change set.",
        schema: shown.extend({ requestedByAll: z.array(z.string()), tenants: z.array(z.string()) }),
      },
      404: { description: "There is none." },
    },
    handle: async ({ service, params: { id } }) => {
      return await service.store.transact(async (queries) => {
        const row = await queries.selectFrom("change_set").selectAll().where("id", "=", id).executeTakeFirst();
        if (row === undefined) throw new Fault("missing", `there is no change set ${id}`);
        const table = row.kind === "locks" ? ("lock" as const) : ("pending" as const);
        const tenants = await queries
          .selectFrom(table)
          .select("tenant_id")
          .distinct()
          .where("change_set_id", "=", id)
          .orderBy("tenant_id")
          .limit(MAX_SHOWN)
          .execute();
        const narrowed = row.state === "waiting" ? await countHeld(queries, row) : row.narrowed;
        const requestedByAll = await requestersOf(queries, row);
        const body = { ...show(row), narrowed, requestedByAll, tenants: tenants.map(({ tenant_id }) => tenant_id) };
        return { body };
      });
    },
  }),
  writes({
    name: "approveChangeSet",
    tag: "Change sets",
    method: "POST",
    path: "/v1/change-sets/{id}/approve",
    summary: "Let a change set be signed, naming how many it narrows",
    description: "Who asked is not who approves. Locks take the role security or legal, the rest collections or legal.",
    access: DECIDERS,
    params,
    body: z.strictObject({ narrowed: z.int().min(0).max(100_000_000) }),
    answers: {
      200: { description: "Approved, and published with `version`.", schema: decided },
      202: { description: "Approved, not all published yet." },
      403: { description: "The approver asked for it, or has not the role." },
      404: { description: "There is none." },
      409: { description: "It is decided already, or the count is another." },
    },
    handle: async ({ queries, params: { id }, body: { narrowed }, nowMs, as }) => {
      const actor = as(await decidersOf(queries, id), "approving this change set");
      const { set, pending } = await approveChangeSet({ queries, actor, nowMs }, id, narrowed);
      return { status: 200, body: show(set), published: { pending } };
    },
  }),
  writes({
    name: "rejectChangeSet",
    tag: "Change sets",
    method: "POST",
    path: "/v1/change-sets/{id}/reject",
    summary: "Refuse a change set: its tenants are put back to what is published, its locks are lifted",
    access: DECIDERS,
    params,
    answers: {
      200: { description: "Rejected.", schema: decided },
      202: { description: "Rejected; what was never published of its tenants is not published yet." },
      404: { description: "There is none." },
      409: { description: "It is decided already." },
    },
    handle: async ({ queries, params: { id }, nowMs, as }) => {
      const actor = as(await decidersOf(queries, id), "rejecting this change set");
      const { set, pending } = await rejectChangeSet({ queries, actor, nowMs }, id);
      return { status: 200, body: show(set), published: { pending } };
    },
  }),
];

async function decidersOf(queries: Parameters<typeof countHeld>[0], id: string): Promise<readonly Role[]> {
  const row = await queries.selectFrom("change_set").select("kind").where("id", "=", id).executeTakeFirst();
  if (row === undefined) return DECIDERS;
  return row.kind === "locks" ? ["security", "legal"] : ["collections", "legal"];
}
