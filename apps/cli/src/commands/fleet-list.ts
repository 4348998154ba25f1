import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addAuthorityCommand, asking } from "../authority/authority-command.ts";

/** `dimmer fleet`: shows which replica enforces which version. */
export function addFleetList(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "list",
    isDefault: true,
    summary: "show who enforces which version, and who lags",
    details:
      "Also what `dimmer fleet` alone does. A replica stands for itself and those that follow it, at the least version of " +
      "them. One that has said nothing for a minute is silent: it is not waited for.",
    examples: [
      ["fleet list", "the fleet of the running dimmer dev"],
      ["fleet list --json", "for programs"],
    ],
  }).action(
    asking(async (client) => {
      const [fleet, replicas] = await Promise.all([
        client.get("/v1/fleet"),
        Array.fromAsync(client.items("/v1/fleet/replicas")),
      ]);
      const rows = replicas.map((replica) => [
        String(replica["replica"]),
        String(replica["version"]),
        stateOf(replica),
        String(replica["followers"]),
        String(replica["quarantined"]),
        String(replica["refused"]),
        String(replica["lastSeenAt"]),
      ]);
      const head = ["replica", "version", "", "followers", "quarantined", "refused", "last seen"];
      return {
        text: rows.length === 0 ? summaryOf(fleet) : `${summaryOf(fleet)}\n${columns([head, ...rows])}`,
        json: { fleet, replicas },
      };
    }),
  );
}

function summaryOf({ version, replicas, enforcedVersion, tookMs }: Readonly<Record<string, unknown>>): string {
  const published = `published is version ${String(version)}`;
  if (replicas === 0) return `${published}; no replica has reported within a minute`;
  if (typeof enforcedVersion !== "string") return published;
  const took = typeof tookMs === "number" ? `, ${tookMs} ms after it was published` : "";
  return `${published}; all have version ${enforcedVersion}${took}`;
}

function stateOf({ isSilent, isCurrent, behindMs }: Readonly<Record<string, unknown>>): string {
  if (isSilent === true) return "silent";
  return isCurrent === true ? "current" : `${(Number(behindMs) / 1_000).toFixed(1)} s behind`;
}
