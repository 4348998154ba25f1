import { z } from "zod";
import { Fault } from "../../changes/fault.ts";
import { putTenant, removeTenant } from "../../changes/tenants.ts";
import type { Queries } from "../../store/open-store.ts";
import type { TenantTable } from "../../store/schema.ts";
import { type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { flag, page, policyName, tenantId } from "../values.ts";
import { carried, showLock, showRestriction, showTenant, tenantShown } from "./shown.ts";
import { tenantBody, tenantInputOf } from "./tenant-body.ts";

const params = z.strictObject({ id: tenantId });
const whole = tenantShown.extend({ restrictions: z.array(z.looseObject({})), locks: z.array(z.looseObject({})) });

/** `/v1/tenants`: the customer organisations. */
export const tenantOperations: readonly Operation[] = [
  reads({
    name: "listTenants",
    tag: "Tenants",
    path: "/v1/tenants",
    summary: "Tenants, by id",
    access: "any key",
    query: page.extend({
      plan: policyName.optional(),
      gone: flag.meta({ description: "true: those that were removed as well." }),
    }),
    answers: {
      200: {
        description: "A page.",
        schema: z.looseObject({ items: z.array(tenantShown), next: z.string().nullable() }),
      },
    },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("tenant")
        .selectAll()
        .orderBy("id")
        .limit(query.limit + 1);
      if (after !== undefined) select = select.where("id", ">", after);
      if (query.plan !== undefined) select = select.where("plan", "=", query.plan);
      if (query.gone !== "true") select = select.where("gone_s", "is", null);
      return { body: pageOf(await select.execute(), query.limit, { placeOf: ({ id }) => id, show: showTenant }) };
    },
  }),
  reads({
    name: "getTenant",
    tag: "Tenants",
    path: "/v1/tenants/{id}",
    summary: "A tenant with its open restrictions and locks",
    description: "Its ETag is the tenant's own revision: restrictions and locks have theirs.",
    access: "any key",
    params,
    answers: { 200: { description: "The tenant.", schema: whole }, 404: { description: "There is none." } },
    handle: async ({ service, params: { id } }) => {
      const { db } = service.store;
      const row = await db.selectFrom("tenant").selectAll().where("id", "=", id).executeTakeFirst();
      if (row === undefined) throw new Fault("missing", `there is no tenant ${id}`);
      if (row.gone_s !== null)
        throw new Fault("missing", `tenant ${id} was removed`, undefined, { tenant: showTenant(row) });
      return { body: { ...showTenant(row), ...(await ofTenant(db, id)) } };
    },
  }),
  writes({
    name: "putTenant",
    tag: "Tenants",
    method: "PUT",
    path: "/v1/tenants/{id}",
    summary: "Create or replace a tenant",
    description:
      "Says the whole: what is left out is empty. If-Match with the ETag that was read refuses to overwrite what " +
      "somebody else changed meanwhile; If-None-Match: * creates only.",
    access: ["admin"],
    params,
    body: tenantBody,
    answers: {
      200: {
        description: "Replaced, and published with `version`.",
        schema: z.looseObject({ ...tenantShown.shape, ...carried.shape }),
      },
      201: {
        description: "Created, and published with `version`.",
        schema: z.looseObject({ ...tenantShown.shape, ...carried.shape }),
      },
      202: {
        description: "Written, not published yet.",
        schema: z.looseObject({ ...tenantShown.shape, ...carried.shape }),
      },
      412: { description: "Another revision is in the store." },
    },
    handle: async ({ service, queries, params: { id }, body, ifRevision, nowMs, as }) => {
      const policy = await service.policies.active(queries);
      const actor = as(["admin"], "putting a tenant");
      const write = { store: service.store, queries, policy, actor, nowMs, ifRevision };
      const { value, pending, isNew } = await putTenant(write, tenantInputOf(id, body));
      return {
        status: isNew ? 201 : 200,
        body: showTenant(value as TenantTable),
        revision: value.revision,
        published: { pending, tenant: id },
      };
    },
  }),
  writes({
    name: "removeTenant",
    tag: "Tenants",
    method: "DELETE",
    path: "/v1/tenants/{id}",
    summary: "Remove a tenant: the feed has a tombstone for it",
    description: "Its restrictions end with it; its locks hold.",
    access: ["admin"],
    params,
    answers: {
      200: {
        description: "Removed, and published with `version`.",
        schema: z.looseObject({ ...tenantShown.shape, ...carried.shape }),
      },
      202: { description: "Removed, not published yet." },
      404: { description: "There is none." },
      412: { description: "Another revision is in the store." },
    },
    handle: async ({ service, queries, params: { id }, ifRevision, nowMs, as }) => {
      const policy = await service.policies.active(queries);
      const actor = as(["admin"], "removing a tenant");
      const { value, pending } = await removeTenant(
        { store: service.store, queries, policy, actor, nowMs, ifRevision },
        id,
      );
      return { status: 200, body: showTenant(value), revision: value.revision, published: { pending } };
    },
  }),
];

async function ofTenant(queries: Queries, id: string): Promise<{ restrictions: unknown[]; locks: unknown[] }> {
  const restrictions = await queries
    .selectFrom("restriction")
    .selectAll()
    .where("tenant_id", "=", id)
    .where("cleared_ms", "is", null)
    .orderBy("created_ms")
    .orderBy("id")
    .execute();
  const locks = await queries
    .selectFrom("lock")
    .selectAll()
    .where("tenant_id", "=", id)
    .where("lifted_ms", "is", null)
    .orderBy("id")
    .execute();
  return { restrictions: restrictions.map(showRestriction), locks: locks.map(showLock) };
}
