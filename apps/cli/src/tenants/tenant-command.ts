import type { Command } from "commander";
import type { Answer } from "../answer.ts";
import { addCommand, answering, type Presentation } from "../command.ts";
import type { TenantsDocument } from "./tenants-document.ts";
import {
  addTenantsFileOptions,
  type ChosenTenantsFile,
  chooseTenantsFile,
  editTenantsFile,
  type TenantsFileOptions,
} from "./tenants-file.ts";

/** What an edit did: a line for people, and what machines may want to know. */
export interface Edit {
  readonly text: string;
  readonly isChanged: boolean;
  readonly json?: Readonly<Record<string, unknown>>;
}

/** Adds a command under `dimmer tenant`, with the options that choose the file. The caller adds the action. */
export function addTenantCommand(parent: Command, presentation: Presentation): Command {
  return addTenantsFileOptions(addCommand(parent, presentation));
}

/**
 * Makes the action of a command that edits one tenant: `edit` is given the document, the tenant and the rest of what
 * the user gave, and says what it did.
 */
export function editing<Arguments extends unknown[], Options extends TenantsFileOptions>(
  edit: (
    document: TenantsDocument,
    given: { readonly arguments: Arguments; readonly options: Options },
  ) => Edit | Promise<Edit>,
): (...given: unknown[]) => Promise<void> {
  return answering(async (...given: unknown[]) => {
    const options = given.at(-2) as Options;
    const chosen = await chooseTenantsFile(options);
    const parameters = given.slice(0, -2) as Arguments;
    // The document is edited between two checks of the whole file, so what `edit` waits for is waited for inside.
    const done = await editTenantsFile(chosen, (document) => edit(document, { arguments: parameters, options }));
    return answerOf(done, chosen);
  });
}

function answerOf({ text, isChanged, json }: Edit, { path, isFollowed }: ChosenTenantsFile): Answer {
  const follow = isFollowed ? "dimmer dev signs it within a second" : "no dimmer dev follows it at present";
  return {
    text: isChanged ? `${text}\n  ${path}: ${follow}` : text,
    json: { isChanged, ...json, file: path, isFollowed },
  };
}

/** The instant of an option as it is written into the file: counted from this moment, not from the start of dev. */
export async function instantForFile(text: string): Promise<string> {
  const relative = /^now(?:([+-])(\d{1,6}[smhd]))?$/.exec(text);
  if (relative === null) return text;
  const { isoInstant, parseDurationMs, standardPolicy } = await import("@dimmer/core");
  const offsetMs = relative[2] === undefined ? 0 : (parseDurationMs(relative[2]) ?? 0);
  return isoInstant(Date.now() + (relative[1] === "-" ? -offsetMs : offsetMs), standardPolicy.zone);
}
