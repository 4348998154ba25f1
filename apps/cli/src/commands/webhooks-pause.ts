import type { Command } from "commander";
import { answering, type Presentation } from "../command.ts";
import { addWebhooksCommand, type WebhookOptions, withEndpoint, workOnWebhooks } from "./webhooks-command.ts";

/** `dimmer webhooks pause`: sends nothing for now. */
export function addWebhooksPause(parent: Command): void {
  addPausing(parent, "pause", {
    usage: "pause <tenant>",
    summary: "send a tenant nothing for now; what comes waits",
    details:
      "For a receiver that is being mended. What waits is kept within the bounds, in order, and goes out after " +
      "`dimmer webhooks resume`.",
    examples: [
      ["webhooks pause acme", "every endpoint"],
      ["webhooks pause acme --endpoint orders", "one endpoint, also one that nothing was sent to yet"],
    ],
  });
}

/** `dimmer webhooks resume`: goes on after a pause. */
export function addWebhooksResume(parent: Command): void {
  addPausing(parent, "resume", {
    usage: "resume <tenant>",
    summary: "go on after a pause, or after a receiver answered 410",
    details:
      "What waits is sent at once, in order, also where the next attempt was to come later. Dead letters stay: " +
      "`dimmer webhooks replay` sends them. Who may not receive by its mode receives nothing.",
    examples: [
      ["webhooks resume acme", "every endpoint"],
      ["webhooks resume acme --endpoint orders", "the receiver is back"],
    ],
  });
}

function addPausing(parent: Command, verb: "pause" | "resume", presentation: Presentation): void {
  withEndpoint(addWebhooksCommand(parent, presentation)).action(
    answering(async (tenant: string, options: WebhookOptions) => {
      const answer = await workOnWebhooks(options, tenant, { verb });
      const count = Number(answer["count"]);
      const later = verb === "pause" && options.endpoint === undefined ? ", and those that it gets later" : "";
      return { text: `${count} ${count === 1 ? "endpoint" : "endpoints"} ${verb}d${later}`, json: answer };
    }),
  );
}
