import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addAuthorityCommand, asking } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";

interface Options extends AuthorityOptions {
  readonly all?: boolean;
}

/** `dimmer change-set list`: shows what waits for a second person. */
export function addChangeSetList(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "list",
    summary: "show what waits for a second person",
    details: "Changes that narrow too many tenants at once are not signed before somebody else approves them.",
    examples: [
      ["change-set list", "those that wait"],
      ["change-set list --all --json", "those that were decided as well"],
    ],
  })
    .option("--all", "those that were approved or rejected as well")
    .action(
      asking<[], Options>(async (client, { options }) => {
        const query = options.all === true ? "" : "?state=waiting";
        const ids = (await Array.fromAsync(client.items(`/v1/change-sets${query}`))).map(({ id }) => String(id));
        const changeSets = [];
        for (const id of ids) changeSets.push(await client.get(`/v1/change-sets/${id}`));
        const rows = changeSets.map((set) => [
          String(set["id"]),
          String(set["state"]),
          `${String(set["narrowed"])} ${set["kind"] === "locks" ? "locks" : "tenants"}`,
          String(set["createdAt"]),
          String(set["reason"]),
          someOf(set["tenants"] as readonly string[]),
        ]);
        return {
          text:
            rows.length === 0 ? "nothing waits" : columns([["id", "", "narrows", "since", "because", "of"], ...rows]),
          json: { changeSets },
        };
      }),
    );
}

const SHOWN = 4;

function someOf(tenants: readonly string[]): string {
  return tenants.length <= SHOWN ? tenants.join(", ") : `${tenants.slice(0, SHOWN).join(", ")}, …`;
}
