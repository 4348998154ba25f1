import type { Command } from "commander";
import { addEpochOptions, type EpochOptions, epochJson, epochLines, withEpochMeans } from "../authority-store.ts";
import { addCommand, answering } from "../command.ts";

/** `dimmer authority raise-epoch`: lets a database sign that is not the one that signed last. */
export function addAuthorityRaiseEpoch(parent: Command): void {
  const command = addCommand(parent, {
    usage: "raise-epoch",
    summary: "begin a new epoch: so that a promoted or restored database may sign, or in an emergency",
    details:
      "An authority refuses to sign where PostgreSQL was promoted, moved or restored: it may lack what was published. " +
      "First make sure that nothing signs on the old database. Then the last published lock list is taken over and the " +
      "epoch is raised; authorities that run on this database go on by themselves. On SQLite stop the authority first.",
    examples: [
      [
        "authority raise-epoch --store postgres://dimmer@standby/dimmer --keys keys --locks-from https://feed.example.com",
        "after a failover that may have lost commits",
      ],
      ["authority raise-epoch --store sqlite:authority.db --keys keys --dry-run", "only say what would be"],
    ],
  });
  addEpochOptions(command).action(
    answering(async (options: EpochOptions) => {
      const { raiseStoreEpoch } = await import("@dimmer/authority");
      return await withEpochMeans(options, async (means) => {
        const { isDryRun } = means;
        const report = await raiseStoreEpoch(means);
        const { isOtherDatabase } = report;
        const other = isOtherDatabase ? ["the database is not the one that signed last"] : [];
        const lines = [...other, ...epochLines(report, isDryRun), ...(isDryRun ? ["nothing was written"] : [])];
        return { text: lines.join("\n"), json: { ...epochJson(report, isDryRun), isOtherDatabase } };
      });
    }),
  );
}
