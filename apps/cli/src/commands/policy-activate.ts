import type { Command } from "commander";
import {
  addAuthorityCommand,
  addWriteOptions,
  type WriteCommandOptions,
  writing,
} from "../authority/authority-command.ts";
import { usageFailure } from "../failure.ts";
import { previewText } from "./policy-upload.ts";

interface Options extends WriteCommandOptions {
  readonly narrowed?: string;
  readonly dryRun?: boolean;
}

/** `dimmer policy activate`: brings a draft into force. */
export function addPolicyActivate(parent: Command): void {
  addWriteOptions(
    addAuthorityCommand(parent, {
      usage: "activate <id>",
      summary: "bring a draft into force",
      details:
        "What takes something from many tenants at once takes a second person's key, and --narrowed with the count of the " +
        "preview (narrowed and unknown together).",
      examples: [
        ["policy activate policy_6a4cf5d8-0df5-4b65-8a5e-52c5a1e0a7b2 --dry-run", "whom it would change"],
        ["policy activate policy_6a4cf5d8-0df5-4b65-8a5e-52c5a1e0a7b2", "at once, everywhere"],
      ],
    }),
  )
    .option("--narrowed <n>", "from how many it takes something, as the dry run said")
    .option("--dry-run", "only say whom it would change")
    .action(
      writing<[string], Options>(async (client, { arguments: [id], options, reason }) => {
        const { narrowed, dryRun } = options;
        if (narrowed !== undefined && !/^\d{1,9}$/.test(narrowed)) {
          throw usageFailure(`--narrowed ${JSON.stringify(narrowed)}: must be a number, as --dry-run says it`);
        }
        const path = `/v1/policies/${encodeURIComponent(id)}`;
        const preview = await client.get(`${path}/preview`);
        if (dryRun === true) return { text: `${id}: ${previewText(preview)}`, writes: [], json: { id, preview } };
        const body = narrowed === undefined ? {} : { narrowed: Number(narrowed) };
        const written = await client.write("POST", `${path}/activate`, { reason, body });
        return { text: `${id} is in force: it ${previewText(preview)}`, writes: [written], json: { id, preview } };
      }),
    );
}
