import type { CaseFacts, Fact } from "@dimmer/lifecycle";
import type { Queries } from "../store/open-store.ts";
import type { CaseFileTable, TenantTable } from "../store/schema.ts";

/** Facts of one case that hold the deletion of every case of its tenant. */
export const TENANT_WIDE: readonly Fact["kind"][] = ["locked", "unlocked", "legal_hold_placed", "legal_hold_released"];

/** Everything that a case is planned from: its own facts, and those of the tenant's other cases that hold it. */
export async function readFacts(queries: Queries, file: CaseFileTable, tenant: TenantTable): Promise<CaseFacts> {
  const own = await queries.selectFrom("fact").select("body").where("case_id", "=", file.id).orderBy("seq").execute();
  const facts = own.map(({ body }) => JSON.parse(body) as Fact);
  if (file.track !== "security") facts.push(...(await holdingFacts(queries, file)));
  return {
    case: file.id,
    track: file.track,
    tenant: {
      id: tenant.id,
      ...(tenant.zone === null ? {} : { zone: tenant.zone }),
      ...(tenant.criticality === null ? {} : { criticality: tenant.criticality }),
    },
    facts,
  };
}

async function holdingFacts(queries: Queries, { id, tenant_id }: CaseFileTable): Promise<Fact[]> {
  const rows = await queries
    .selectFrom("fact")
    .select(["case_id", "body"])
    .where("tenant_id", "=", tenant_id)
    .where("case_id", "<>", id)
    .where("kind", "in", TENANT_WIDE)
    .orderBy("seq")
    .execute();
  // Ids are unique in a case only.
  return rows.map(({ case_id, body }) => {
    const fact = JSON.parse(body) as Fact;
    return { ...fact, id: `${case_id}/${fact.id}` };
  });
}
