import { DimmerError } from "@dimmer/core";
import { canonicalLine, checkWireEntitlement } from "@dimmer/statement";
import { wireRestriction } from "../changes/restriction-rows.ts";
import type { Queries } from "../store/open-store.ts";
import type { RestrictionTable, TenantTable } from "../store/schema.ts";

const BATCH = 500;
/** The doors let in far less; a row that was written otherwise must not make a delta or a chunk that nobody takes. */
const MAX_LINE_CHARS = 1 << 18;

/** What ought to be published of some tenants. */
export interface WantedLines {
  /** By tenant, a line of the feed. A tenant without a row has none. */
  readonly lines: ReadonlyMap<string, string>;
  /** By tenant, why its rows make no entitlement: the doors let none in, a hand in the database might. */
  readonly faults: ReadonlyMap<string, Error>;
}

/**
 * What the state says of some tenants, as lines of the feed. Two queries for 500 tenants. One tenant whose rows make no
 * entitlement costs the others nothing.
 */
export async function wantedLines(queries: Queries, tenants: readonly string[]): Promise<WantedLines> {
  const lines = new Map<string, string>();
  const faults = new Map<string, Error>();
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
    for (const row of rows) {
      try {
        lines.set(row.id, lineOf(row, byTenant.get(row.id) ?? []));
      } catch (error) {
        faults.set(row.id, error as Error);
      }
    }
  }
  return { lines, faults };
}

function lineOf(tenant: TenantTable, restrictions: readonly RestrictionTable[]): string {
  if (tenant.gone_s !== null) return canonicalLine({ tenant: tenant.id, gone: tenant.gone_s });
  const features = JSON.parse(tenant.features) as Record<string, unknown>;
  const entitlement = {
    tenant: tenant.id,
    plan: tenant.plan,
    ...(Object.keys(features).length === 0 ? {} : { features }),
    ...(restrictions.length === 0 ? {} : { restrictions: restrictions.map(wireRestriction) }),
  };
  const line = canonicalLine(checkWireEntitlement(entitlement));
  if (line.length <= MAX_LINE_CHARS) return line;
  throw new DimmerError("entitlement_invalid", `has ${line.length} characters, at most ${MAX_LINE_CHARS} are signed`);
}
