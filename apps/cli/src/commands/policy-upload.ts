import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addAuthorityCommand, asking, openAuthority, reasonOf } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";
import { answering } from "../command.ts";
import { readPolicy } from "../policy-source.ts";

interface Options extends AuthorityOptions {
  readonly reason?: string;
}

/** `dimmer policy upload`: keeps a policy as a draft, and says whom it would change. */
export function addPolicyUpload(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "upload <file>",
    summary: "keep a policy as a draft at the authority, and say whom it would change",
    details:
      "It is linted against the one in force; one with errors is not kept. Nothing changes before it is activated.",
    examples: [["policy upload policy.yaml", "prints the id for policy activate"]],
  })
    .option("--reason <text>", "why, for the ledger (default: the command, and who typed it)")
    .action(
      answering(async (file: string, options: Options, command: Command) => {
        const document = await readPolicy(file);
        const { client } = await openAuthority(options);
        const reason = reasonOf(options, command);
        const { body } = await client.write("POST", "/v1/policies", { reason, body: { document } });
        const preview = await client.get(`/v1/policies/${String(body["id"])}/preview`);
        return {
          text: `${String(body["id"])}: version ${String(body["version"])}, a draft\n  ${previewText(preview)}`,
          json: { ...body, preview },
        };
      }),
    );
}

/** `dimmer policy list`: shows the policy versions of the authority. */
export function addPolicyList(parent: Command): void {
  addAuthorityCommand(parent, {
    usage: "list",
    summary: "show the policy versions of the authority",
    examples: [["policy list", "drafts, the one in force, and those before it"]],
  }).action(
    asking(async (client) => {
      const policies = await Array.fromAsync(client.items("/v1/policies"));
      const sorted = policies.toSorted((a, b) => String(a["createdAt"]).localeCompare(String(b["createdAt"])));
      const rows = sorted.map((policy) => ["id", "version", "state", "createdAt"].map((name) => String(policy[name])));
      return { text: columns([["id", "version", "", "since"], ...rows]), json: { policies: sorted } };
    }),
  );
}

/** Whom a draft would change, in words. Never throws. */
export function previewText(preview: Readonly<Record<string, unknown>>): string {
  const { tenants, narrowed, quarantined, examples, needsSecondPerson } = preview;
  const named = Array.isArray(examples) && examples.length > 0 ? ` (${examples.slice(0, 5).join(", ")}…)` : "";
  const second = needsSecondPerson === true ? "; somebody else than who uploaded it must activate it" : "";
  const left = Number(quarantined) === 0 ? "" : `, does not know names of ${String(quarantined)}`;
  return `takes something from ${String(narrowed)} of ${String(tenants)} tenants${named}${left}${second}`;
}
