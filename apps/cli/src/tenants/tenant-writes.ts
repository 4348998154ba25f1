import type { AuthorityClient, Written } from "../authority/authority-client.ts";
import { findTenant, type TenantFacts, tenantBody } from "../authority/facts.ts";
import { CommandFailure, toFailure, usageFailure } from "../failure.ts";

/** Reads a tenant that has to be there. @throws {CommandFailure} */
async function tenantAt(client: AuthorityClient, id: string): Promise<TenantFacts> {
  const facts = await findTenant(client, id);
  if (facts === undefined) {
    throw usageFailure(`no tenant ${JSON.stringify(id)} at ${client.url}; "dimmer tenant list" shows them`);
  }
  return facts;
}

/** The cases of a tenant's restrictions for a cause: those put by hand, and those that follow from facts. */
export interface RestrictingCases {
  readonly byHand: readonly string[];
  /** Ended by a payment, not by a command. */
  readonly planned: readonly string[];
}

/** Tells apart what restricts a tenant that has to be there: one question for each case. @throws {CommandFailure} */
export async function casesRestricting(
  client: AuthorityClient,
  { id, cause }: { readonly id: string; readonly cause: string },
): Promise<RestrictingCases> {
  const { restrictions } = await tenantAt(client, id);
  const byHand: string[] = [];
  const planned: string[] = [];
  for (const { case: name } of restrictions.filter((held) => held.cause === cause)) {
    const isPlanned = (await client.find(`/v1/cases/${encodeURIComponent(name)}`)) !== undefined;
    (isPlanned ? planned : byHand).push(name);
  }
  return { byHand, planned };
}

/** Makes a tenant in good standing. @throws {CommandFailure} where it is there already */
export async function createTenant(
  client: AuthorityClient,
  { id, name, plan, reason }: { id: string; name: string; plan: string; reason: string },
): Promise<Written> {
  const given = { reason, body: { name, plan } };
  try {
    return await client.write("PUT", pathOf(id), { ...given, ifRevision: 0 });
  } catch (error) {
    if (toFailure(error).code !== "outdated") throw error;
    if ((await findTenant(client, id)) !== undefined) {
      throw usageFailure(`tenant ${JSON.stringify(id)} is there already`);
    }
    // It was there and was removed: it comes back.
    return await client.write("PUT", pathOf(id), given);
  }
}

/** Moves a tenant to a plan; what else is kept of it stays. `undefined` where it has the plan already. */
export async function movePlan(
  client: AuthorityClient,
  { id, plan, reason }: { id: string; plan: string; reason: string },
): Promise<{ readonly before: string; readonly written: Written | undefined }> {
  for (let tried = 1; ; tried++) {
    const facts = await tenantAt(client, id);
    if (facts.plan === plan) return { before: facts.plan, written: undefined };
    try {
      const body = tenantBody(facts, { plan });
      const written = await client.write("PUT", pathOf(id), { reason, body, ifRevision: facts.revision });
      return { before: facts.plan, written };
    } catch (error) {
      // Somebody else has changed it meanwhile: that stays, and the plan is moved of what is there now.
      if (tried >= MOST_TRIES || !(error instanceof CommandFailure) || error.code !== "outdated") throw error;
    }
  }
}

const MOST_TRIES = 3;

/** The path of a tenant, or of something of its own. Never throws. */
export function pathOf(id: string, ...more: readonly string[]): string {
  return ["/v1/tenants", id, ...more].map((part, i) => (i === 0 ? part : encodeURIComponent(part))).join("/");
}
