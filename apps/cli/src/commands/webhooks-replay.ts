import type { Command } from "commander";
import { answering } from "../command.ts";
import { addWebhooksCommand, askWebhooks, type WebhookOptions, withEndpoint } from "./webhooks-command.ts";

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
      "receiver that answered 410, goes on.",
    examples: [
      ["webhooks replay acme", "dead letters of every endpoint"],
      ["webhooks replay acme --endpoint orders --since 2026-12-10T09:00:00+09:00", "the receiver lost its data"],
    ],
  });
  withEndpoint(command)
    .option("--since <instant>", "also what was delivered since then and is still kept, ISO 8601 with a zone")
    .action(
      answering(async (tenant: string, options: Options) => {
        const { endpoint, since } = options;
        const body = { ...(endpoint === undefined ? {} : { endpoint }), ...(since === undefined ? {} : { since }) };
        const answer = await askWebhooks(options, tenant, { below: "/replay", body });
        return { text: `${String(answer["count"])} sent again`, json: answer };
      }),
    );
}
