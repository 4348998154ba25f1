import type { Command } from "commander";
import { type Answer, columns } from "../answer.ts";
import { answering } from "../command.ts";
import { addWebhooksCommand, askWebhooks, type WebhookOptions } from "./webhooks-command.ts";

/** Why nothing is sent to an endpoint. */
const PAUSED = {
  operator: "paused",
  gone: "paused: the receiver is gone",
  unconfigured: "waits for the file of --webhooks",
  replaying: "a replay is being laid out",
} as const;

interface Gap {
  readonly since: string;
  readonly until: string;
  readonly dropped: number;
}

/** What a sidecar says of an endpoint. */
interface EndpointStatus {
  readonly endpoint: string;
  readonly waiting: number;
  readonly dead: number;
  readonly paused: keyof typeof PAUSED | null;
  readonly gap: Gap | null;
  readonly untold: Gap | null;
  readonly next: string | null;
  readonly oldest: string | null;
  readonly lastError: string | null;
}

/** `dimmer webhooks status`: how the webhooks of a tenant fare. */
export function addWebhooksStatus(parent: Command): void {
  addWebhooksCommand(parent, {
    usage: "status <tenant>",
    summary: "show what waits for a tenant, what was given up, and why",
    examples: [
      ["webhooks status acme", "at the sidecar of the running dimmer dev"],
      ["webhooks status acme --sidecar unix:/run/dimmer/sidecar.sock --json", "for scripts"],
    ],
  }).action(
    answering(async (tenant: string, options: WebhookOptions): Promise<Answer> => {
      const status = await askWebhooks(options, tenant);
      return { text: textOf(tenant, status), json: status };
    }),
  );
}

function textOf(tenant: string, status: Readonly<Record<string, unknown>>): string {
  const since = status["suspendedSince"];
  const mode = status["allowed"] === true ? "may receive" : `held${typeof since === "string" ? ` since ${since}` : ""}`;
  const standing = status["paused"] === true ? `${mode}; paused whole, with endpoints to come` : mode;
  const endpoints = status["endpoints"] as readonly EndpointStatus[];
  const rows = endpoints.map(({ endpoint, waiting, dead, paused, gap, untold, next, oldest, lastError }) => [
    endpoint,
    `${waiting} waiting${oldest === null ? "" : ` since ${oldest}`}`,
    `${dead} dead`,
    [
      paused === null ? "" : (PAUSED[paused] ?? paused),
      gapText("gap", gap),
      gapText("refused to be told of a gap", untold),
      next === null ? "" : `next attempt ${next}`,
      lastError ?? "",
    ]
      .filter((part) => part !== "")
      .join("; "),
  ]);
  return [`${tenant}: ${standing}`, ...(rows.length === 0 ? ["nothing waits"] : [columns(rows)])].join("\n");
}

function gapText(what: string, gap: Gap | null): string {
  return gap === null ? "" : `${what} of ${gap.dropped} from ${gap.since} to ${gap.until}`;
}
