import type { Command } from "commander";
import { answering } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { addWebhooksCommand, type WebhookOptions, withEndpoint, workOnWebhooks } from "./webhooks-command.ts";

interface Options extends WebhookOptions {
  readonly yes?: boolean;
}

/** `dimmer webhooks purge`: removes what is kept of a tenant's webhooks. */
export function addWebhooksPurge(parent: Command): void {
  const command = addWebhooksCommand(parent, {
    usage: "purge <tenant>",
    summary: "remove everything that is kept of a tenant's webhooks",
    details:
      "Payloads, ids, gaps, what waits and what was delivered. None of it can be had back. " +
      "It is out of sight at once and overwritten on the disk by and by; ended in the middle, the sidecar goes on by itself.",
    examples: [
      ["webhooks purge acme --yes", "the tenant has left"],
      ["webhooks purge acme --endpoint orders --yes", "one endpoint"],
    ],
  });
  withEndpoint(command)
    .option("--yes", "really do it")
    .action(
      answering(async (tenant: string, options: Options) => {
        if (options.yes !== true) throw usageFailure("purge: removes events for good; give --yes to do it");
        const answer = await workOnWebhooks(options, tenant, { verb: "purge", done: "removed" });
        return { text: `${String(answer["count"])} removed`, json: answer };
      }),
    );
}
