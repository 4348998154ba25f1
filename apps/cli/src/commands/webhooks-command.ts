import type { Command } from "commander";
import { askSidecar, failureOf, type SidecarAnswer } from "../ask-sidecar.ts";
import { addCommand, type Presentation } from "../command.ts";
import { DEFAULT_DIR, isRunning, readDevState } from "../dev-state.ts";
import { usageFailure } from "../failure.ts";

/** Options that every command about webhooks has. */
export interface WebhookOptions {
  readonly sidecar?: string;
  readonly dir: string;
  readonly endpoint?: string;
}

/** Adds a command about the webhooks of a tenant, with where to ask. */
export function addWebhooksCommand(parent: Command, presentation: Presentation): Command {
  return addCommand(parent, presentation)
    .option("--sidecar <address>", "unix:/path.sock or http://host:port; needs the reach of its socket or its token")
    .option("--dir <dir>", "directory of dimmer dev", DEFAULT_DIR);
}

/** Adds the option that narrows a command to one endpoint. */
export function withEndpoint(command: Command): Command {
  return command.option("--endpoint <name>", "one endpoint; without it, all of the tenant");
}

/**
 * Asks a sidecar about the webhooks of a tenant.
 *
 * @param below what follows the tenant in the path, such as `/replay`
 * @throws {CommandFailure} where nobody answers, or the answer is a problem
 */
export async function askWebhooks(
  { sidecar, dir }: WebhookOptions,
  tenant: string,
  { below = "", body }: { readonly below?: string; readonly body?: unknown } = {},
): Promise<SidecarAnswer["body"]> {
  const path = `/v1/webhooks/${encodeURIComponent(tenant)}${below}`;
  const answer = await askSidecar(sidecar ?? (await sidecarOfDev(dir)), path, body);
  if (answer.status !== 200) throw failureOf(answer);
  return answer.body;
}

async function sidecarOfDev(dir: string): Promise<string> {
  const state = await readDevState(dir);
  if (state !== undefined && isRunning(state)) return state.sidecar;
  throw usageFailure(`webhooks: no "dimmer dev" runs in ${dir}; name the sidecar with --sidecar`);
}
