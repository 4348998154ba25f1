import { LOCK_CAUSES } from "@dimmer/core";
import { LIMITS } from "@dimmer/statement";
import { z } from "zod";
import { noteLock, noteUnlock } from "../../cases/incidents.ts";
import type { Role } from "../../changes/actor.ts";
import { Fault } from "../../changes/fault.ts";
import { liftLock, lockTenant } from "../../changes/locks.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { caseId, flag, lineOfText, page, policyName, tenantId } from "../values.ts";
import { carried, lockShown, showLock } from "./shown.ts";

const params = z.strictObject({ id: tenantId, case: caseId });
const shown = z.looseObject({ ...lockShown.shape, ...carried.shape });

/** Who locks, and lifts, for a cause. */
function rolesFor(cause: string): readonly Role[] {
  return cause === "security" ? ["security"] : ["legal"];
}

/** Locks: security stops, kept apart from everything else. */
export const lockOperations: readonly Operation[] = [
  reads({
    name: "listLocks",
    tag: "Locks",
    path: "/v1/locks",
    summary: "Locks, oldest first",
    access: "any key",
    query: page.extend({
      tenant: tenantId.optional(),
      lifted: flag.meta({ description: "true: those that were lifted as well." }),
    }),
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(lockShown) }) } },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "number");
      let select = service.store.db
        .selectFrom("lock")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.tenant !== undefined) select = select.where("tenant_id", "=", query.tenant);
      if (query.lifted !== "true") select = select.where("lifted_ms", "is", null);
      return { body: pageOf(await select.execute(), query.limit, { placeOf: ({ id }) => id, show: showLock }) };
    },
  }),
  writes({
    name: "lockTenant",
    tag: "Locks",
    method: "PUT",
    path: "/v1/tenants/{id}/locks/{case}",
    summary: "Lock a tenant at once, known to the feed or not",
    description:
      "Role security; legal for causes legal and breach. Everything outside `allow` is denied until the lock is " +
      "lifted. The eleventh new lock in ten minutes waits for a second person. A lock for security opens a security case " +
      "under the same id, where the policy has that track: every deletion stands still, and its review is due in a day.",
    access: ["security", "legal"],
    params,
    body: z.strictObject({
      cause: z.enum(LOCK_CAUSES),
      allow: z.array(policyName).max(LIMITS.allow).default([]).meta({ description: "Capabilities that stay open." }),
      clause: lineOfText(500).optional().meta({
        description: "The clause of the contract that is its ground. Left out: the policy's for a suspension.",
      }),
      incident: lineOfText(200).optional().meta({ description: "The incident. Left out: the case." }),
    }),
    isolation: "serializable",
    answers: {
      200: { description: "It was locked so already.", schema: shown },
      201: { description: "Locked, and published with `version`.", schema: shown },
      202: { description: "Written, not published yet.", schema: shown },
      409: { description: "The case locks the tenant already, on other terms; or the list has no room for one more." },
    },
    handle: async ({ service, queries, params: { id, case: caseName }, body, nowMs, as }) => {
      const { cause, allow, clause, incident } = body;
      const actor = as(rolesFor(cause), `a lock for ${cause}`);
      const policy = await service.policies.active(queries);
      const write = { queries, policy, actor, nowMs, newLocks: service.limits.newLocks };
      const { value, pending, isNew } = await lockTenant(write, { tenant: id, case: caseName, cause, allow });
      const noted = { tenant: id, cause, case: caseName, allow, clause, incident };
      const wakesCases = isNew && (await noteLock({ store: service.store, queries, actor, nowMs }, noted));
      return { status: isNew ? 201 : 200, body: showLock(value), published: { pending }, wakesCases };
    },
  }),
  writes({
    name: "liftLock",
    tag: "Locks",
    method: "DELETE",
    path: "/v1/tenants/{id}/locks/{case}",
    summary: "Lift a lock",
    access: ["security", "legal"],
    params,
    answers: {
      200: { description: "Lifted, and published with `version`.", schema: shown },
      202: { description: "Lifted, not published yet." },
      404: { description: "There is no such lock." },
    },
    handle: async ({ service, queries, params: { id, case: caseName }, nowMs, as }) => {
      const row = await queries
        .selectFrom("lock")
        .select("cause")
        .where("tenant_id", "=", id)
        .where("case_id", "=", caseName)
        .where("lifted_ms", "is", null)
        .executeTakeFirst();
      if (row === undefined) throw new Fault("missing", `tenant ${id} is not locked for case ${caseName}`);
      const actor = as(rolesFor(row.cause), `a lock for ${row.cause}`);
      const policy = await service.policies.active(queries);
      const write = { queries, policy, actor, nowMs, newLocks: service.limits.newLocks };
      const { value, pending } = await liftLock(write, { tenant: id, case: caseName });
      const noted = { tenant: id, case: caseName };
      const wakesCases = await noteUnlock({ store: service.store, queries, actor, nowMs }, noted);
      return { status: 200, body: showLock(value), published: { pending }, wakesCases };
    },
  }),
];
