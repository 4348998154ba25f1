import type { Command } from "commander";
import { answering } from "../command.ts";
import { addWebhooksCommand, type WebhookOptions, withEndpoint, workOnWebhooks } from "./webhooks-command.ts";

interface Options extends WebhookOptions {
  readonly since?: string;
}

/** `dimmer webhooks replay`: sends dead letters again, and what was delivered since an instant. */
export function addWebhooksReplay(parent: Command): void {
  const command = addWebhooksCommand(parent, {
    usage: "replay <tenant>",
    summary: "send again what was given up, and what was delivered since an instant",
    details:
      "Events go out in their old order and by their old ids, before what waits. An endpoint that was paused, also by a " +
      "receiver that answered 410, goes on. As many as the tenant has room for: what is left over stays, and is sent by the " +
      "next replay. Sending begins once all are laid out; ended in the middle, the sidecar goes on by itself.",
    examples: [
      ["webhooks replay acme", "dead letters of every endpoint"],
      ["webhooks replay acme --endpoint orders --since 2026-12-10T09:00:00+09:00", "the receiver lost its data"],
    ],
  });
  withEndpoint(command)
    .option("--since <instant>", "also what was delivered since then and is still kept, ISO 8601 with a zone")
    .action(
      answering(async (tenant: string, options: Options) => {
        const { since } = options;
        const answer = await workOnWebhooks(options, tenant, { verb: "replay", since, done: "laid out" });
        return { text: `${String(answer["count"])} sent again`, json: answer };
      }),
    );
}
