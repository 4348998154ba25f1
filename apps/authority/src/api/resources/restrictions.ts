import { RESTRICTION_CAUSES } from "@dimmer/core";
import { LIMITS } from "@dimmer/statement";
import { z } from "zod";
import { refuseAtOnce, refusePlanned, refuseUnannounced } from "../../cases/planned-restriction.ts";
import type { Role } from "../../changes/actor.ts";
import { Fault } from "../../changes/fault.ts";
import { clearRestriction, putRestriction } from "../../changes/restrictions.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { caseId, flag, instantSeconds, page, policyName, tenantId } from "../values.ts";
import { carried, restrictionShown, showRestriction } from "./shown.ts";

const params = z.strictObject({ id: tenantId, case: caseId });
const shown = z.looseObject({ ...restrictionShown.shape, ...carried.shape });

const step = z.strictObject({
  at: instantSeconds,
  mode: policyName,
  deny: z
    .array(z.string().max(80))
    .max(LIMITS.deny)
    .optional()
    .meta({ description: 'Capabilities, and "feature:" with a feature, that the step takes besides.' }),
});

const body = z.strictObject({
  cause: z.enum(RESTRICTION_CAUSES),
  steps: z
    .array(step)
    .min(1)
    .max(LIMITS.steps)
    .meta({
      description: "Strictly ascending; each holds until the next.",
      examples: [
        [
          { at: "2026-12-09T09:00:00+09:00", mode: "grace" },
          { at: "2026-12-16T09:00:00+09:00", mode: "limited" },
        ],
      ],
    }),
  exception: z
    .strictObject({ floor: policyName, from: instantSeconds, until: instantSeconds })
    .nullish()
    .meta({ description: "A dated floor, under nonpayment only. Left out: none, and one that was there ends." }),
});

/** Who decides a restriction of a cause. */
function rolesFor(cause: string): readonly Role[] {
  return cause === "breach" ? ["legal"] : ["collections"];
}

/** Restrictions: one cause in force, under its case. */
export const restrictionOperations: readonly Operation[] = [
  reads({
    name: "listRestrictions",
    tag: "Restrictions",
    path: "/v1/tenants/{id}/restrictions",
    summary: "Restrictions of a tenant",
    access: "any key",
    params: z.strictObject({ id: tenantId }),
    query: page.extend({ cleared: flag.meta({ description: "true: those that were cleared as well." }) }),
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(restrictionShown) }) } },
    handle: async ({ service, params: { id }, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db.selectFrom("restriction").selectAll().where("tenant_id", "=", id);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.cleared !== "true") select = select.where("cleared_ms", "is", null);
      const rows = await select
        .orderBy("id")
        .limit(query.limit + 1)
        .execute();
      return { body: pageOf(rows, query.limit, { placeOf: (row) => row.id, show: showRestriction }) };
    },
  }),
  reads({
    name: "getRestriction",
    tag: "Restrictions",
    path: "/v1/tenants/{id}/restrictions/{case}",
    summary: "A restriction",
    access: "any key",
    params,
    answers: {
      200: { description: "The restriction.", schema: restrictionShown },
      404: { description: "There is none." },
    },
    handle: async ({ service, params: { id, case: caseName } }) => {
      const row = await service.store.db
        .selectFrom("restriction")
        .selectAll()
        .where("id", "=", caseName)
        .where("tenant_id", "=", id)
        .executeTakeFirst();
      if (row === undefined) throw new Fault("missing", `tenant ${id} has no case ${caseName}`);
      return { body: showRestriction(row), revision: row.revision };
    },
  }),
  writes({
    name: "putRestriction",
    tag: "Restrictions",
    method: "PUT",
    path: "/v1/tenants/{id}/restrictions/{case}",
    summary: "Restrict a tenant, or change the steps or the exception of a case",
    description:
      "Role collections; legal for cause breach. For nonpayment a step at the mode of the policy's last stage, or narrower, " +
      "lies at least that stage's min_lead ahead, or behind a milder step. What narrows too many tenants within an hour waits for a second " +
      "person: the answer is then 202 with a change set.",
    access: ["collections", "legal"],
    params,
    body,
    answers: {
      200: { description: "Changed, and published with `version`.", schema: shown },
      201: { description: "Restricted, and published with `version`.", schema: shown },
      202: { description: "Written, not published yet.", schema: shown },
      404: { description: "There is no such tenant." },
      409: {
        description:
          "The case is another tenant's, of another cause, closed, or follows from facts; or it shuts out at once.",
      },
      412: { description: "Another revision is in the store." },
    },
    handle: async ({
      service,
      queries,
      params: { id, case: caseName },
      body: { cause, steps, exception },
      ifRevision,
      nowMs,
      as,
    }) => {
      const actor = as(rolesFor(cause), `a restriction for ${cause}`);
      await refusePlanned(queries, caseName);
      await refuseUnannounced(queries, id, cause);
      const policy = await service.policies.active(queries);
      // Where the clock is moved by hand nobody real is shut out.
      if (service.devClock === undefined) await refuseAtOnce(queries, policy, { id: caseName, cause, steps, nowMs });
      const input = { tenant: id, case: caseName, cause, steps, ...(exception == null ? {} : { exception }) };
      const write = { store: service.store, queries, policy, actor, nowMs, ifRevision };
      const { value, pending, isNew } = await putRestriction(write, input);
      return {
        status: isNew ? 201 : 200,
        body: showRestriction(value),
        revision: value.revision,
        published: { pending, tenant: id },
      };
    },
  }),
  writes({
    name: "clearRestriction",
    tag: "Restrictions",
    method: "DELETE",
    path: "/v1/tenants/{id}/restrictions/{case}",
    summary: "End a restriction: what it denied is open again unless another cause denies it",
    access: ["collections", "legal"],
    params,
    answers: {
      200: { description: "Cleared, and published with `version`.", schema: shown },
      202: { description: "Cleared, not published yet." },
      404: { description: "There is no such open case." },
      409: { description: "The case follows from facts: a payment ends it." },
      412: { description: "Another revision is in the store." },
    },
    handle: async ({ service, queries, params: { id, case: caseName }, ifRevision, nowMs, as }) => {
      const row = await queries.selectFrom("restriction").select("cause").where("id", "=", caseName).executeTakeFirst();
      const cause = row?.cause ?? "nonpayment";
      const actor = as(row === undefined ? ["collections", "legal"] : rolesFor(cause), `a restriction for ${cause}`);
      await refusePlanned(queries, caseName);
      const policy = await service.policies.active(queries);
      const write = { store: service.store, queries, policy, actor, nowMs, ifRevision };
      const { value, pending } = await clearRestriction(write, { tenant: id, case: caseName });
      return { status: 200, body: showRestriction(value), revision: value.revision, published: { pending } };
    },
  }),
];
