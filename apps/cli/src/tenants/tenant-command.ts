import type { Command } from "commander";
import type { Answer } from "../answer.ts";
import type { AuthorityClient } from "../authority/authority-client.ts";
import {
  addAuthorityCommand,
  addWriteOptions,
  answerOf,
  type Done,
  openAuthority,
  reasonOf,
  type WriteCommandOptions,
} from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";
import { answering, type Presentation } from "../command.ts";
import { usageFailure } from "../failure.ts";
import type { TenantsDocument } from "./tenants-document.ts";
import { type ChosenTenantsFile, chooseTenantsFile, editTenantsFile } from "./tenants-file.ts";

/** The options of every `dimmer tenant` command. */
export interface TenantOptions extends AuthorityOptions {
  readonly tenants?: string;
  readonly policy?: string;
}

/** The options of one that changes something. */
export type TenantWriteOptions = TenantOptions & WriteCommandOptions;

/** What an edit of a file did: a line for people, and what machines may want to know. */
export interface Edit {
  readonly text: string;
  readonly isChanged: boolean;
  readonly json?: Readonly<Record<string, unknown>>;
}

/** What a command was given. */
export interface Given<Arguments, Options> {
  readonly arguments: Arguments;
  readonly options: Options;
}

/** How a tenant is changed at each of the two doors. */
export interface TenantChangers<Arguments, Options> {
  /** Edits a tenants file. */
  readonly inFile: (document: TenantsDocument, given: Given<Arguments, Options>) => Edit | Promise<Edit>;
  /** Writes at an authority. */
  readonly atAuthority: (
    client: AuthorityClient,
    given: Given<Arguments, Options> & { readonly reason: string },
  ) => Promise<Done>;
}

/** Adds a command under `dimmer tenant` that looks, with the options that choose where. The caller adds the action. */
export function addTenantCommand(parent: Command, presentation: Presentation): Command {
  return addAuthorityCommand(parent, presentation)
    .option("--tenants <file>", "a tenants file instead of an authority")
    .option("--policy <file>", "with --tenants: policy by whose names the file is held, a file or standard");
}

/** Adds a command under `dimmer tenant` that changes something. The caller adds the action. */
export function addTenantWrite(parent: Command, presentation: Presentation): Command {
  return addWriteOptions(addTenantCommand(parent, presentation));
}

/** Makes the action of a command that looks at tenants, in a file where one is named, else at an authority. */
export function looking<Arguments extends unknown[], Options extends TenantOptions>(look: {
  readonly inFile: (chosen: ChosenTenantsFile, given: Given<Arguments, Options>) => Promise<Answer>;
  readonly atAuthority: (client: AuthorityClient, given: Given<Arguments, Options>) => Promise<Answer>;
}): (...given: unknown[]) => Promise<void> {
  return answering(async (...given: unknown[]) => {
    const options = given.at(-2) as Options;
    const what = { arguments: given.slice(0, -2) as Arguments, options };
    const file = await namedFile(options);
    if (file !== undefined) return await look.inFile(file, what);
    const { client } = await openAuthority(options);
    return await look.atAuthority(client, what);
  });
}

/** Makes the action of a command that changes one tenant, in a file where one is named, else at an authority. */
export function changing<Arguments extends unknown[], Options extends TenantWriteOptions>({
  inFile,
  atAuthority,
}: TenantChangers<Arguments, Options>): (...given: unknown[]) => Promise<void> {
  return answering(async (...given: unknown[]) => {
    const options = given.at(-2) as Options;
    const what = { arguments: given.slice(0, -2) as Arguments, options };
    const file = await namedFile(options);
    if (file !== undefined) {
      // The document is edited between two checks of the whole file, so what `inFile` waits for is waited for inside.
      return editAnswer(await editTenantsFile(file, (document) => inFile(document, what)), file);
    }
    const { client, chosen } = await openAuthority(options);
    const done = await atAuthority(client, { ...what, reason: reasonOf(options, given.at(-1) as Command) });
    return await answerOf(done, { client, chosen, wait: options.wait });
  });
}

async function namedFile(
  options: TenantOptions & Partial<WriteCommandOptions>,
): Promise<ChosenTenantsFile | undefined> {
  const { tenants, authority, apiKeyFile, reason } = options;
  if (tenants === undefined) return undefined;
  const other = Object.entries({ authority, apiKeyFile, reason }).find(([, value]) => value !== undefined)?.[0];
  if (other !== undefined) {
    const flag = `--${other.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw usageFailure(`${flag}: is for an authority, and --tenants names a file; give one of the two`);
  }
  return await chooseTenantsFile({ ...options, tenants });
}

function editAnswer({ text, isChanged, json }: Edit, { path, isFollowed }: ChosenTenantsFile): Answer {
  const follow = isFollowed ? "dimmer dev applies it within a second" : "no dimmer dev follows it at present";
  return {
    text: isChanged ? `${text}\n  ${path}: ${follow}` : text,
    json: { isChanged, ...json, file: path, isFollowed },
  };
}

/** The instant of an option as an absolute one: counted from this moment, not from the start of dev. */
export async function instantFromNow(text: string): Promise<string> {
  const relative = /^now(?:([+-])(\d{1,6}[smhd]))?$/.exec(text);
  if (relative === null) return text;
  const { isoInstant, parseDurationMs, standardPolicy } = await import("@dimmer/core");
  const offsetMs = relative[2] === undefined ? 0 : (parseDurationMs(relative[2]) ?? 0);
  return isoInstant(Date.now() + (relative[1] === "-" ? -offsetMs : offsetMs), standardPolicy.zone);
}
