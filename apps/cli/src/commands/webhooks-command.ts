import type { Command } from "commander";
import { note } from "../answer.ts";
import { askSidecar, failureOf, type SidecarAnswer } from "../ask-sidecar.ts";
import { addCommand, type Presentation } from "../command.ts";
import { DEFAULT_DIR, isRunning, nothingRunsIn, readDevState } from "../dev-state.ts";
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

/** What a command does to the webhooks of a tenant: the door of that name, and what it says while it works. */
export interface WebhookWork {
  readonly verb: "pause" | "resume" | "replay" | "purge";
  /** Of a replay: also what was delivered since. */
  readonly since?: string | undefined;
  /** As in `1000 removed`, said on standard error while there is more. */
  readonly done?: string;
}

const SAY_EVERY_MS = 500;

/**
 * Lets a sidecar work on the webhooks of a tenant, and says on standard error how far it is where that takes long.
 *
 * @throws {CommandFailure} where nobody answers, or the answer is a problem
 */
export async function workOnWebhooks(
  options: WebhookOptions,
  tenant: string,
  { verb, since, done }: WebhookWork,
): Promise<SidecarAnswer["body"]> {
  const { endpoint } = options;
  const body = { ...(endpoint === undefined ? {} : { endpoint }), ...(since === undefined ? {} : { since }) };
  let saidMs = performance.now();
  const onProgress = (count: number): void => {
    if (performance.now() - saidMs < SAY_EVERY_MS) return;
    saidMs = performance.now();
    note(`${count} ${done} …`);
  };
  return await askWebhooks(options, tenant, { below: `/${verb}`, body, ...(done === undefined ? {} : { onProgress }) });
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
  {
    below = "",
    body,
    onProgress,
  }: { readonly below?: string; readonly body?: unknown; readonly onProgress?: (done: number) => void } = {},
): Promise<SidecarAnswer["body"]> {
  const path = `/v1/webhooks/${encodeURIComponent(tenant)}${below}`;
  const where = sidecar ?? (await sidecarOfDev(dir));
  const answer = await askSidecar(where, path, body, onProgress);
  if (answer.status !== 200) throw failureOf(answer);
  // Who has left is purged when nobody knows him any more.
  if (below !== "/purge") await noteUnknown(where, tenant).catch(() => undefined);
  return answer.body;
}

/** A misspelt tenant looks like one that nothing waits for. */
async function noteUnknown(where: string, tenant: string): Promise<void> {
  const { status, body } = await askSidecar(where, "/v1/check", { tenant, capability: "webhook" });
  const isUnknown = status === 200 && /^(?:unknown_tenant|no_data)$/.test(String(body["reason"]));
  if (isUnknown) note(`dimmer: note: the sidecar holds no tenant ${JSON.stringify(tenant)}`);
}

async function sidecarOfDev(dir: string): Promise<string> {
  const state = await readDevState(dir);
  if (state !== undefined && isRunning(state)) return state.sidecar;
  throw usageFailure(`webhooks: ${nothingRunsIn(dir)}; name the sidecar with --sidecar`);
}
