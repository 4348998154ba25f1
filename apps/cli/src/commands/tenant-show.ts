import type { Explanation } from "@dimmer/core";
import type { Command } from "commander";
import { type Answer, columns } from "../answer.ts";
import { usageFailure } from "../failure.ts";
import { addTenantCommand, looking, type TenantOptions } from "../tenants/tenant-command.ts";

/** `dimmer tenant show`: explains where one tenant stands. */
export function addTenantShow(parent: Command): void {
  addTenantCommand(parent, {
    usage: "show <tenant>",
    summary: "explain where a tenant stands: causes, next steps, what still works",
    examples: [
      ["tenant show acme", "as the sidecar's GET /v1/tenants/acme, but by the authority's facts"],
      ["tenant show acme --tenants tenants.yaml", "in a file"],
    ],
  }).action(
    looking<[string], TenantOptions>({
      inFile: async (chosen, { arguments: [tenant] }) => {
        const { standingsIn } = await import("../tenants/standings.ts");
        const found = (await standingsIn(chosen)).find((candidate) => candidate.tenant === tenant);
        return shown(tenant, found, `in ${chosen.path}`);
      },
      atAuthority: async (client, { arguments: [tenant] }) => {
        const { standingAt } = await import("../tenants/standings-at.ts");
        return shown(tenant, await standingAt(client, tenant), `at ${client.url}`);
      },
    }),
  );
}

function shown(tenant: string, found: Explanation | undefined, where: string): Answer {
  if (found !== undefined) return { text: textOf(found), json: { ...found } };
  throw usageFailure(`no tenant ${JSON.stringify(tenant)} ${where}; "dimmer tenant list" shows them`);
}

function textOf({ tenant, plan, mode, causes, lock, stillAllowed, links, banner, features }: Explanation): string {
  const rows: string[][] = [
    ["tenant", tenant],
    ["plan", plan ?? ""],
    ["mode", mode],
  ];
  if (lock !== undefined)
    rows.push(["lock", `${lock.cause} ${lock.case} since ${lock.since}; allows ${lock.allow.join(", ") || "nothing"}`]);
  for (const { cause, case: caseId, mode: under, since, next, exception } of causes) {
    rows.push([
      cause,
      [`${caseId}: ${under}`, since && `since ${since}`, next && `then ${next.mode} at ${next.at}`]
        .filter(Boolean)
        .join(", "),
    ]);
    if (exception)
      rows.push(["", `exception: floor ${exception.floor} from ${exception.from} until ${exception.until}`]);
  }
  rows.push([
    "features",
    Object.entries(features)
      .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
      .join(" "),
  ]);
  rows.push(["admins may", stillAllowed.join(", ") || "nothing"]);
  for (const [name, link] of Object.entries(links)) rows.push([name, String(link)]);
  if (banner !== undefined) rows.push(["banner", `${banner.severity}: ${banner.text}`]);
  return columns(rows);
}
