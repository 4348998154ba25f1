import type { Explanation } from "@dimmer/core";
import type { Command } from "commander";
import { columns } from "../answer.ts";
import { usageFailure } from "../failure.ts";
import { addTenantCommand, looking, type TenantOptions } from "../tenants/tenant-command.ts";

interface Options extends TenantOptions {
  readonly limit: string;
}

/** `dimmer tenant list`: shows where tenants stand now. */
export function addTenantList(parent: Command): void {
  addTenantCommand(parent, {
    usage: "list",
    summary: "show where tenants stand now",
    examples: [
      ["tenant list", "the tenants of the running dimmer dev"],
      ["tenant list --authority https://authority.example.com --api-key-file key --limit 500", "of another authority"],
      ["tenant list --tenants examples/tenants.yaml --json", "of a file, for programs"],
    ],
  })
    .option("--limit <n>", "most tenants to show, by id", "100")
    .action(
      looking<[], Options>({
        inFile: async (chosen, { options }) => {
          const { standingsIn } = await import("../tenants/standings.ts");
          const all = await standingsIn(chosen);
          const tenants = all.slice(0, limitOf(options));
          return {
            text: tableOf(tenants, all.length > tenants.length),
            json: { file: chosen.path, tenants, isCut: all.length > tenants.length },
          };
        },
        atAuthority: async (client, { options }) => {
          const { standingsAt } = await import("../tenants/standings-at.ts");
          const { tenants, isCut } = await standingsAt(client, limitOf(options));
          return { text: tableOf(tenants, isCut), json: { authority: client.url, tenants, isCut } };
        },
      }),
    );
}

function limitOf({ limit }: Options): number {
  const most = /^\d{1,7}$/.test(limit) ? Number(limit) : 0;
  if (most >= 1) return most;
  throw usageFailure(`--limit ${JSON.stringify(limit)}: must be a number from 1 on`);
}

function tableOf(tenants: readonly Explanation[], isCut: boolean): string {
  const rows = tenants.map((t) => [t.tenant, t.plan ?? "", t.mode, causesOf(t), nextOf(t)]);
  const table = columns([["tenant", "plan", "mode", "because of", "next"], ...rows]);
  return isCut ? `${table}\n… and more; --limit shows them` : table;
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
