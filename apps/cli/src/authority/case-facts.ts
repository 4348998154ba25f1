import type { CaseFacts, Fact, Track } from "@dimmer/lifecycle";
import type { AuthorityClient } from "./authority-client.ts";
import { findTenant } from "./facts.ts";

/**
 * Reads what the open cases of an authority are planned from. Each is two requests.
 *
 * @throws {CommandFailure}
 */
export async function openCases(client: AuthorityClient): Promise<CaseFacts[]> {
  const cases: CaseFacts[] = [];
  for await (const { id, tenant, track } of client.items("/v1/cases?state=open")) {
    const owner = await findTenant(client, String(tenant));
    cases.push({
      case: String(id),
      track: track as Track,
      tenant: {
        id: String(tenant),
        ...(owner?.zone == null ? {} : { zone: owner.zone }),
        ...(owner?.criticality == null ? {} : { criticality: owner.criticality }),
      },
      facts: await factsOf(client, String(id)),
    });
  }
  return cases;
}

async function factsOf(client: AuthorityClient, id: string): Promise<Fact[]> {
  const { items } = await client.get(`/v1/cases/${encodeURIComponent(id)}/timeline`);
  // Of what is told of a return, too, `fact` is its name.
  return (items as { fact?: Fact | string }[]).flatMap(({ fact }) => (typeof fact === "object" ? [fact] : []));
}
