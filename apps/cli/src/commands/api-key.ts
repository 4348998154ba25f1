import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addAuthorityCommand, asking, openAuthority, reasonOf } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";
import { answering, collect } from "../command.ts";

interface CreateOptions extends AuthorityOptions {
  readonly out: string;
  readonly role: readonly string[];
  readonly reason?: string;
}

interface RevokeOptions extends AuthorityOptions {
  readonly reason?: string;
}

/** `dimmer api-key create`: makes the key of a person or a service. */
export function addApiKeyCreate(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "create <name>",
    summary: "make the API key of a person or a service, into a file",
    details:
      "Roles: admin configures and decides no cases; collections decides restrictions, legal those for breach, security " +
      "locks; auditor reads everything; cs and finance as the authority's documents say. The secret is written into the " +
      "file (mode 0600) and kept nowhere else.",
    examples: [
      ["api-key create sato --role collections --role security --out sato.key", "then: tenant pay, tenant lock"],
    ],
  })
    .requiredOption("--role <role>", "what its owner may do; may be repeated", collect)
    .requiredOption("--out <file>", "file to write; it must not be there yet")
    .option("--reason <text>", "why, for the ledger (default: the command, and who typed it)")
    .action(
      answering(async (name: string, options: CreateOptions, command: Command) => {
        const { makeIntoFile } = await import("../authority/secret-file.ts");
        const { client } = await openAuthority(options);
        const reason = reasonOf(options, command);
        const what = { path: "/v1/api-keys", body: { name, roles: options.role }, reason };
        const made = await makeIntoFile(client, options.out, what);
        return { text: `${String(made["id"])} in ${options.out}`, json: { ...made, file: options.out } };
      }),
    );
}

/** `dimmer api-key list`: shows who has a key. */
export function addApiKeyList(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "list",
    summary: "show who has an API key, and for what",
    examples: [["api-key list", "without their secrets, which nobody has but their owners"]],
  }).action(
    asking(async (client) => {
      const keys = await Array.fromAsync(client.items("/v1/api-keys"));
      const rows = keys.map((key) => [
        String(key["id"]),
        String(key["name"]),
        `${String(key["prefix"])}…`,
        (key["roles"] as readonly string[]).join(", "),
        typeof key["expiresAt"] === "string" ? `until ${key["expiresAt"]}` : "",
      ]);
      return { text: columns([["id", "name", "begins", "roles", ""], ...rows]), json: { keys } };
    }),
  );
}

/** `dimmer api-key revoke`: ends a key at once. */
export function addApiKeyRevoke(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "revoke <id>",
    summary: "end an API key at once",
    examples: [["api-key revoke key_3f0c6d1e-8f1f-4a43-9c55-0d1f6f6f3c0a", "as api-key list shows its id"]],
  })
    .option("--reason <text>", "why, for the ledger (default: the command, and who typed it)")
    .action(
      answering(async (id: string, options: RevokeOptions, command: Command) => {
        const { client } = await openAuthority(options);
        const reason = reasonOf(options, command);
        const { body } = await client.write("DELETE", `/v1/api-keys/${encodeURIComponent(id)}`, { reason });
        return { text: `${id} is revoked`, json: { ...body, id } };
      }),
    );
}
