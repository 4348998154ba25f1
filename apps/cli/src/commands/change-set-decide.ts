import type { Command } from "commander";
import {
  addAuthorityCommand,
  addWriteOptions,
  type WriteCommandOptions,
  writing,
} from "../authority/authority-command.ts";
import { usageFailure } from "../failure.ts";

interface ApproveOptions extends WriteCommandOptions {
  readonly narrowed?: string;
}

/** `dimmer change-set approve`: lets what waits be signed. */
export function addChangeSetApprove(parent: Command): void {
  addWriteOptions(
    addAuthorityCommand(parent, {
      usage: "approve <id>",
      summary: "let a change set be signed",
      details:
        "Who asked is not who approves: it takes the key of somebody else. With dimmer dev that of a second person is taken " +
        "unless another is given. --narrowed refuses a set that has grown since it was looked at.",
      examples: [
        ["change-set approve set_1b0d0c1e-8f1f-4a43-9c55-0d1f6f6f3c0a --narrowed 25", "as it was looked at"],
        ["change-set approve set_1b0d0c1e-8f1f-4a43-9c55-0d1f6f6f3c0a", "as it is now"],
      ],
    }),
  )
    .option("--narrowed <n>", "how many it narrows, as change-set list showed (default: as many as it does now)")
    .action(
      writing<[string], ApproveOptions>(async (client, { arguments: [id], options, reason }) => {
        const path = `/v1/change-sets/${encodeURIComponent(id)}`;
        const narrowed = options.narrowed === undefined ? await narrowedBy(client, path) : countOf(options.narrowed);
        const written = await client.write("POST", `${path}/approve`, { reason, body: { narrowed } });
        return { text: `${id} is approved: ${narrowed} narrowed`, writes: [written], json: { id, narrowed } };
      }, "approver"),
    );
}

/** `dimmer change-set reject`: refuses what waits. */
export function addChangeSetReject(parent: Command): void {
  addWriteOptions(
    addAuthorityCommand(parent, {
      usage: "reject <id>",
      summary: "refuse a change set: its tenants stay as they are published",
      examples: [
        ['change-set reject set_1b0d0c1e-8f1f-4a43-9c55-0d1f6f6f3c0a --reason "wrong file"', "its locks are lifted"],
      ],
    }),
  ).action(
    writing<[string], WriteCommandOptions>(async (client, { arguments: [id], reason }) => {
      const written = await client.write("POST", `/v1/change-sets/${encodeURIComponent(id)}/reject`, { reason });
      return { text: `${id} is rejected`, writes: [written], json: { id } };
    }, "approver"),
  );
}

async function narrowedBy(client: { get(path: string): Promise<Readonly<Record<string, unknown>>> }, path: string) {
  return Number((await client.get(path))["narrowed"]);
}

function countOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw usageFailure(`--narrowed ${JSON.stringify(text)}: must be a number, as "dimmer change-set list" shows it`);
}
