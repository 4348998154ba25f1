import { RESTRICTION_CAUSES } from "@dimmer/core";
import type { WireException, WireStep } from "@dimmer/statement";
import { z } from "zod";
import type { LockTable, RestrictionTable, TenantTable } from "../../store/schema.ts";
import { isoOf, isoOfSeconds } from "../values.ts";

const instant = z.string().meta({ format: "date-time" });

/** What every answer to a write says of its publication. */
export const carried: z.ZodObject = z.looseObject({
  version: z.string().nullable().meta({ description: 'The version of the feed that carries it, "epoch.seq".' }),
  pending: z.number().nullable().optional().meta({ description: "With 202: what to look for under /v1/pending/{id}." }),
  changeSet: z
    .string()
    .nullable()
    .optional()
    .meta({ description: "With 202: the change set that waits for an approval." }),
});

/** A restriction as it is answered. */
export const restrictionShown: z.ZodObject = z
  .looseObject({
    tenant: z.string(),
    case: z.string(),
    cause: z.enum(RESTRICTION_CAUSES),
    steps: z.array(z.looseObject({ at: instant, mode: z.string(), deny: z.array(z.string()).optional() })),
    exception: z.looseObject({ floor: z.string(), from: instant, until: instant }).nullable(),
    revision: z.number(),
    createdAt: instant,
    updatedAt: instant,
    clearedAt: instant.nullable(),
  })
  .meta({ id: "Restriction" });

/** A lock as it is answered. */
export const lockShown: z.ZodObject = z
  .looseObject({
    tenant: z.string(),
    case: z.string(),
    cause: z.string(),
    since: instant,
    allow: z.array(z.string()),
    changeSet: z.string().nullable(),
    liftedAt: instant.nullable(),
  })
  .meta({ id: "Lock" });

/** A tenant as it is answered. */
export const tenantShown: z.ZodObject = z
  .looseObject({
    id: z.string(),
    name: z.string(),
    plan: z.string(),
    features: z.looseObject({}),
    zone: z.string().nullable(),
    locale: z.string().nullable(),
    criticality: z.string().nullable(),
    contacts: z.array(z.looseObject({})),
    contract: z.looseObject({}),
    revision: z.number(),
    createdAt: instant,
    updatedAt: instant,
    goneAt: instant.nullable(),
  })
  .meta({ id: "Tenant" });

/** Shows a tenant's row. */
export function showTenant(row: TenantTable): Record<string, unknown> {
  return {
    id: row.id,
    name: row.name,
    plan: row.plan,
    features: JSON.parse(row.features) as unknown,
    zone: row.zone,
    locale: row.locale,
    criticality: row.criticality,
    contacts: JSON.parse(row.contacts) as unknown,
    contract: JSON.parse(row.contract) as unknown,
    revision: row.revision,
    createdAt: isoOf(row.created_ms),
    updatedAt: isoOf(row.updated_ms),
    goneAt: row.gone_s === null ? null : isoOfSeconds(row.gone_s),
  };
}

/** Shows a restriction's row. */
export function showRestriction(row: RestrictionTable): Record<string, unknown> {
  const steps = JSON.parse(row.steps) as WireStep[];
  const exception = row.exception === null ? null : (JSON.parse(row.exception) as WireException);
  return {
    tenant: row.tenant_id,
    case: row.id,
    cause: row.cause,
    steps: steps.map(({ at, ...step }) => ({ at: isoOfSeconds(at), ...step })),
    exception:
      exception === null
        ? null
        : { ...exception, from: isoOfSeconds(exception.from), until: isoOfSeconds(exception.until) },
    revision: row.revision,
    createdAt: isoOf(row.created_ms),
    updatedAt: isoOf(row.updated_ms),
    clearedAt: isoOf(row.cleared_ms),
  };
}

/** Shows a lock's row. */
export function showLock(row: Omit<LockTable, "id">): Record<string, unknown> {
  return {
    tenant: row.tenant_id,
    case: row.case_id,
    cause: row.cause,
    since: isoOfSeconds(row.since_s),
    allow: JSON.parse(row.allow) as unknown,
    changeSet: row.change_set_id,
    liftedAt: isoOf(row.lifted_ms),
  };
}
