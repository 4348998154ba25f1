import type { Explanation } from "@dimmer/core";
import type { Command } from "commander";
import { columns } from "../answer.ts";
import { answering } from "../command.ts";
import { standingsIn } from "../tenants/standings.ts";
import { addTenantCommand } from "../tenants/tenant-command.ts";
import { chooseTenantsFile, type TenantsFileOptions } from "../tenants/tenants-file.ts";

/** `dimmer tenant list`: shows where each tenant of the file stands now. */
export function addTenantList(parent: Command): void {
  addTenantCommand(parent, {
    usage: "list",
    summary: "show where each tenant stands now",
    examples: [
      ["tenant list", "the tenants of the running or last dimmer dev"],
      ["tenant list --tenants examples/tenants.yaml --json", "of a file, for programs"],
    ],
  }).action(
    answering(async (options: TenantsFileOptions) => {
      const chosen = await chooseTenantsFile(options);
      const tenants = await standingsIn(chosen);
      const rows = tenants.map((t) => [t.tenant, t.plan ?? "", t.mode, causesOf(t), nextOf(t)]);
      return {
        text: columns([["tenant", "plan", "mode", "because of", "next"], ...rows]),
        json: { file: chosen.path, tenants },
      };
    }),
  );
}

function causesOf({ causes, lock }: Explanation): string {
  const named = causes.map(({ cause, exception }) =>
    exception === undefined ? cause : `${cause} (floor ${exception.floor})`,
  );
  return [...(lock === undefined ? [] : [`lock: ${lock.cause}`]), ...named].join(", ");
}

function nextOf({ next }: Explanation): string {
  return next === undefined ? "" : `${next.mode} at ${next.at}`;
}
