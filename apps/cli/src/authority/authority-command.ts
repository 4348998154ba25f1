import { userInfo } from "node:os";
import type { Command } from "commander";
import type { Answer } from "../answer.ts";
import { addCommand, answering, type Presentation } from "../command.ts";
import type { AuthorityClient, Written } from "./authority-client.ts";
import {
  type AuthorityOptions,
  addAuthorityOptions,
  type ChosenAuthority,
  chooseAuthority,
  type DevRole,
} from "./choose-authority.ts";

/** The options of a command that writes. */
export interface WriteCommandOptions extends AuthorityOptions {
  readonly reason?: string;
  readonly wait?: boolean;
}

/** What a command did at an authority: its writes, and what to say about them. */
export interface Done {
  readonly text: string;
  readonly writes: readonly Written[];
  readonly json?: Readonly<Record<string, unknown>>;
}

/** Adds a command that asks an authority. The caller adds the action, made by `asking`. */
export function addAuthorityCommand(parent: Command, presentation: Presentation): Command {
  return addAuthorityOptions(addCommand(parent, presentation));
}

/** Adds the options of a command that writes. */
export function addWriteOptions(command: Command): Command {
  return command
    .option("--reason <text>", "why, for the ledger (default: the command, and who typed it)")
    .option("--wait", "wait until every replica enforces it (the default with dimmer dev: its sidecar)")
    .option("--no-wait", "end once it is published");
}

/** Makes the action of a command that asks an authority. */
export function asking<Arguments extends unknown[], Options extends AuthorityOptions>(
  ask: (
    client: AuthorityClient,
    given: { readonly arguments: Arguments; readonly options: Options },
  ) => Answer | Promise<Answer>,
): (...given: unknown[]) => Promise<void> {
  return answering(async (...given: unknown[]) => {
    const options = given.at(-2) as Options;
    const { client } = await openAuthority(options);
    return await ask(client, { arguments: given.slice(0, -2) as Arguments, options });
  });
}

/** Makes the action of a command that writes at an authority. */
export function writing<Arguments extends unknown[], Options extends WriteCommandOptions>(
  write: (
    client: AuthorityClient,
    given: { readonly arguments: Arguments; readonly options: Options; readonly reason: string },
  ) => Promise<Done>,
  role: DevRole = "developer",
): (...given: unknown[]) => Promise<void> {
  return answering(async (...given: unknown[]) => {
    const options = given.at(-2) as Options;
    const { client, chosen } = await openAuthority(options, role);
    const reason = reasonOf(options, given.at(-1) as Command);
    const done = await write(client, { arguments: given.slice(0, -2) as Arguments, options, reason });
    return await answerOf(done, { client, chosen, wait: options.wait });
  });
}

/** Opens the client of the authority that the options choose. @throws {CommandFailure} */
export async function openAuthority(
  options: AuthorityOptions,
  role: DevRole = "developer",
): Promise<{ readonly client: AuthorityClient; readonly chosen: ChosenAuthority }> {
  const chosen = await chooseAuthority(options, role);
  const { createAuthorityClient } = await import("./authority-client.ts");
  return { client: createAuthorityClient(chosen), chosen };
}

/** The reason that the ledger is given: the user's, else the command and the name of who typed it. Never throws. */
export function reasonOf({ reason }: { readonly reason?: string }, command: Command): string {
  if (reason !== undefined) return reason;
  const words: string[] = [];
  for (let at: Command | null = command; at?.parent != null; at = at.parent) words.unshift(at.name());
  return `dimmer ${words.join(" ")}, typed by ${userName()}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry, as in containers.
    return `user ${process.getuid?.() ?? "unknown"}`;
  }
}

/**
 * Says what became of writes: the version that carries the last of them and, where it is waited for, who enforces it.
 * What waits for a second person is not in force: the answer is no then, and says how to approve it.
 */
export async function answerOf(
  { text, writes, json }: Done,
  { client, chosen, wait }: { client: AuthorityClient; chosen: ChosenAuthority; wait: boolean | undefined },
): Promise<Answer> {
  const version = await newest(writes.flatMap((written) => written.version ?? []));
  const changeSets = [...new Set(writes.flatMap(({ changeSet }) => changeSet ?? []))];
  const isOpen = writes.some((written) => written.version === undefined && written.changeSet === undefined);
  const isWaited = wait ?? chosen.dev !== undefined;
  const { awaitEnforced } = await import("./await-enforced.ts");
  const enforced =
    version !== undefined && isWaited && !isOpen ? await awaitEnforced(client, chosen, version) : undefined;
  const lines = [text];
  if (version !== undefined) {
    const by = enforced === undefined ? "" : `, enforced by ${enforced.by} after ${enforced.tookMs} ms`;
    lines.push(`  version ${version}${by}`);
  }
  if (isOpen) lines.push("  written, and not signed yet");
  for (const set of changeSets) {
    lines.push(`  waits for a second person, as it narrows too much at once: dimmer change-set approve ${set}`);
  }
  return {
    text: lines.join("\n"),
    json: {
      isChanged: writes.length > 0,
      ...json,
      authority: client.url,
      version: version ?? null,
      ...(enforced === undefined ? {} : { enforcedBy: enforced.by, enforcedAfterMs: enforced.tookMs }),
      ...(changeSets.length === 0 ? {} : { changeSets }),
    },
    isNo: changeSets.length > 0,
  };
}

async function newest(versions: readonly string[]): Promise<string | undefined> {
  if (versions.length <= 1) return versions[0];
  const { compareVersions, formatVersion, parseVersion } = await import("@dimmer/statement");
  const parsed = versions.flatMap((version) => parseVersion(version) ?? []);
  return formatVersion(parsed.reduce((a, b) => (compareVersions(a, b) >= 0 ? a : b)));
}
