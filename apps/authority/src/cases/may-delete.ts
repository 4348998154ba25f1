import { planCase, planTenant } from "@dimmer/lifecycle";
import type { CaseTurn } from "./case-turn.ts";
import { deletionHold } from "./deletion-hold.ts";
import { readFacts } from "./read-facts.ts";

/**
 * Looks at every case and lock of the tenant in the deleting transaction (L5): a legal hold or a lock anywhere, or another
 * case that plans to keep the data longer, and nothing is deleted. What holds it, in words; `undefined` where nothing does.
 */
export async function mayDelete({
  queries,
  file,
  tenant,
  policies,
  nowMs,
  plan,
}: CaseTurn): Promise<string | undefined> {
  const hold = await deletionHold(queries, file.tenant_id);
  if (hold !== undefined) return hold;
  const others = await queries
    .selectFrom("case_file")
    .selectAll()
    .where("tenant_id", "=", file.tenant_id)
    .where("id", "<>", file.id)
    .where("state", "=", "open")
    .execute();
  const plans = [plan];
  for (const other of others) {
    const policy = await policies.of(queries, other.policy_id);
    const facts = await readFacts(queries, other, tenant);
    plans.push(planCase(facts, policy.document, policy.calendars, nowMs));
  }
  const { mayDelete: isFree } = planTenant(plans);
  return isFree ? undefined : "a hold, or another case of the tenant, keeps it";
}
