import { DimmerError } from "@dimmer/core";
import { canonicalLine, checkWireEntitlement } from "@dimmer/statement";
import type { Queries } from "../store/open-store.ts";
import type { RestrictionTable, TenantTable } from "../store/schema.ts";

const BATCH = 500;

/**
 * What the state says of some tenants, as lines of the feed: what ought to be published of them. A tenant without a row
 * is left out. Two queries for 500 tenants.
 *
 * @throws {DimmerError} `entitlement_invalid` where a row does not make an entitlement: the doors let none in
 */
export async function wantedLines(queries: Queries, tenants: readonly string[]): Promise<Map<string, string>> {
  const lines = new Map<string, string>();
  for (let start = 0; start < tenants.length; start += BATCH) {
    const ids = tenants.slice(start, start + BATCH);
    const rows = await queries.selectFrom("tenant").selectAll().where("id", "in", ids).execute();
    const restrictions = await queries
      .selectFrom("restriction")
      .selectAll()
      .where("tenant_id", "in", ids)
      .where("cleared_ms", "is", null)
      .orderBy("created_ms")
      .orderBy("id")
      .execute();
    const byTenant = Map.groupBy(restrictions, (restriction) => restriction.tenant_id);
    for (const row of rows) lines.set(row.id, lineOf(row, byTenant.get(row.id) ?? []));
  }
  return lines;
}

function lineOf(tenant: TenantTable, restrictions: readonly RestrictionTable[]): string {
  if (tenant.gone_s !== null) return canonicalLine({ tenant: tenant.id, gone: tenant.gone_s });
  const features = JSON.parse(tenant.features) as Record<string, unknown>;
  const entitlement = {
    tenant: tenant.id,
    plan: tenant.plan,
    ...(Object.keys(features).length === 0 ? {} : { features }),
    ...(restrictions.length === 0 ? {} : { restrictions: restrictions.map(restrictionOf) }),
  };
  try {
    return canonicalLine(checkWireEntitlement(entitlement));
  } catch (cause) {
    if (!(cause instanceof DimmerError)) throw cause;
    throw new DimmerError(cause.code, `tenant ${tenant.id}: ${cause.message}`, { cause });
  }
}

function restrictionOf({ cause, id, steps, exception }: RestrictionTable): unknown {
  return {
    cause,
    case: id,
    steps: JSON.parse(steps) as unknown,
    ...(exception === null ? {} : { exception: JSON.parse(exception) as unknown }),
  };
}
