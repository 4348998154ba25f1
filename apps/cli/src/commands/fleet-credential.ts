import type { Command } from "commander";
import { addAuthorityCommand, openAuthority, reasonOf } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";
import { answering } from "../command.ts";

interface Options extends AuthorityOptions {
  readonly out: string;
  readonly reason?: string;
}

/** `dimmer fleet credential`: makes what sidecars need to follow the feed. */
export function addFleetCredential(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "credential <name>",
    summary: "make the credential of a group of sidecars, into a file",
    details:
      "It may read the feed and nothing else. Its secret is written into the file (mode 0600) and kept nowhere else.",
    examples: [
      ["fleet credential eu-west --out fleet.key", "and give the file to dimmer sidecar"],
      [
        "fleet credential eu-west --out fleet.key --authority https://authority.example.com --api-key-file key",
        "elsewhere",
      ],
    ],
  })
    .requiredOption("--out <file>", "file to write; it must not be there yet")
    .option("--reason <text>", "why, for the ledger (default: the command, and who typed it)")
    .action(
      answering(async (name: string, options: Options, command: Command) => {
        const { makeIntoFile } = await import("../authority/secret-file.ts");
        const { client } = await openAuthority(options);
        const reason = reasonOf(options, command);
        const what = { path: "/v1/fleet/credentials", body: { name }, reason };
        const made = await makeIntoFile(client, options.out, what);
        return { text: `${String(made["id"])} in ${options.out}`, json: { ...made, file: options.out } };
      }),
    );
}
