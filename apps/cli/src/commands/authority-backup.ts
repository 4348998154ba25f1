import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { storeOf, tokenOf } from "../authority-store.ts";
import { addCommand, answering } from "../command.ts";
import { usageFailure } from "../failure.ts";

interface Options {
  readonly out: string;
  readonly store?: string;
  readonly url?: string;
  readonly apiKeyFile?: string;
  readonly keyFile?: string;
  readonly reason: string;
}

/** `dimmer authority backup`: writes everything that an authority knows into one file. */
export function addAuthorityBackup(parent: Command): void {
  addCommand(parent, {
    usage: "backup",
    summary: "write everything that an authority knows into one file, as it stands at one moment",
    details:
      "From an authority that runs (--url, with an API key of the role admin), or from its store (--store): PostgreSQL at " +
      "any time, SQLite while no authority holds the file. One format for both: what was written on one store is restored " +
      "into the other. The file is complete and checked, or not there; mode 0600, as it lists who owes you. The keys that " +
      "sign are not in it: keep the key directory apart.",
    examples: [
      ["authority backup --out monday.backup --url http://127.0.0.1:7300 --api-key-file admin.key", "while it runs"],
      ["authority backup --out monday.backup --store postgres://dimmer@db/dimmer --json", "from the database"],
    ],
  })
    .requiredOption("--out <file>", "a file that is not there yet")
    .option("--store <url>", "sqlite:PATH or postgres://… (or DIMMER_STORE)")
    .option("--url <url>", "of an authority that runs")
    .option("--api-key-file <file>", "file with an API key of the role admin (or DIMMER_API_KEY)")
    // As it was called first.
    .addOption(new Option("--key-file <file>").hideHelp())
    .option("--reason <text>", "why, for the ledger", "backup")
    .action(
      answering(async ({ out, store, url, apiKeyFile, keyFile, reason }: Options) => {
        if (url === undefined && store === undefined && (process.env["DIMMER_STORE"] ?? "") === "") {
          throw usageFailure("name an authority that runs with --url URL, or the store of one with --store URL");
        }
        const { backupFromAuthority, backupStore } = await import("@dimmer/authority");
        const made =
          url === undefined
            ? await backupStore(storeOf(store), { out }, Date.now())
            : await backupFromAuthority({ url, key: keyOf(apiKeyFile ?? keyFile), reason }, { out });
        const { header, rows, bytes } = made;
        const counts = Object.fromEntries(rows);
        return {
          text: `${out}: ${counts["tenant"] ?? 0} tenants, ${counts["ledger"] ?? 0} ledger entries, version ${header.version ?? "none"}, ${bytes} bytes`,
          json: { file: resolve(out), bytes, ...header, rows: counts },
        };
      }),
    );
}

function keyOf(file: string | undefined): string {
  const key = file === undefined ? process.env["DIMMER_API_KEY"] : tokenOf(file, "--api-key-file");
  if (key === undefined || key === "") throw usageFailure("--api-key-file: is missing; name a file with an API key");
  return key;
}
