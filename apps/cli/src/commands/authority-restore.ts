import type { Command } from "commander";
import { addEpochOptions, type EpochOptions, epochJson, epochLines, withEpochMeans } from "../authority-store.ts";
import { addCommand, answering } from "../command.ts";

interface Options extends EpochOptions {
  readonly from: string;
  readonly replace?: boolean;
}

/** `dimmer authority restore`: fills a store from a backup, with the locks that were published since. */
export function addAuthorityRestore(parent: Command): void {
  const command = addCommand(parent, {
    usage: "restore",
    summary: "fill a store from a backup, keep every lock that was published since, and raise the epoch",
    details:
      "No authority may run on the store. The last published lock list is read from wherever it still is (a sidecar, a " +
      "published directory, a bucket) and verified; what the backup lacks of it is taken over. The epoch is raised last, " +
      "so that every replica lists again. One transaction: killed, or out of room, at any moment, the store is as it was. " +
      "Tenants and restrictions written after the backup are lost: bring them in again. Stop every other authority first.",
    examples: [
      [
        "authority restore --from monday.backup --store sqlite:new.db --keys keys --locks-from unix:/run/dimmer/sidecar.sock",
        "with the locks that a sidecar holds",
      ],
      [
        "authority restore --from monday.backup --store sqlite:new.db --keys keys --locks-from feed --dry-run",
        "only say what would be",
      ],
    ],
  })
    .requiredOption("--from <file>", "what `dimmer authority backup` wrote")
    .option("--replace", "let the backup take the place of what the store holds");
  addEpochOptions(command).action(
    answering(async (options: Options) => {
      const { restoreStore } = await import("@dimmer/authority");
      return await withEpochMeans(options, async (means) => {
        const { isDryRun } = means;
        const report = await restoreStore({ ...means, backup: options.from, isReplacing: options.replace === true });
        const counts = Object.fromEntries(report.rows);
        const done = isDryRun ? "would be restored" : "restored";
        const from = report.locksFrom === undefined ? [] : [`last lock list: from ${report.locksFrom}`];
        const lines = [
          `${done}: ${counts["tenant"] ?? 0} tenants, ${counts["restriction"] ?? 0} restrictions, of ${report.header.createdAt}`,
          ...from,
          ...epochLines(report, isDryRun),
          ...(isDryRun ? ["nothing was written"] : [`trust ${report.trust}`]),
        ];
        const { header, trust } = report;
        return {
          text: lines.join("\n"),
          json: { ...epochJson(report, isDryRun), backup: header, rows: counts, trust },
        };
      });
    }),
  );
}
