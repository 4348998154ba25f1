import { readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { isRunning, readDevState } from "../dev-state.ts";
import { toFailure, usageFailure } from "../failure.ts";
import { openTenantsDocument, type TenantsDocument } from "./tenants-document.ts";

/** The options of a `dimmer tenant` command that is about a file and no authority. */
export interface TenantsFileOptions {
  readonly tenants: string;
  readonly policy?: string;
  readonly dir: string;
}

/** A tenants file that a command is about. */
export interface ChosenTenantsFile {
  readonly path: string;
  /** What `now` means in it, Unix milliseconds. */
  readonly nowMs: number;
  /** `standard` or a path. */
  readonly policy: string;
  /** Whether a `dimmer dev` follows the file. */
  readonly isFollowed: boolean;
}

/** Chooses the tenants file that is named; that of `dimmer dev` is read by its clock and its policy. Never rejects. */
export async function chooseTenantsFile({ tenants, policy, dir }: TenantsFileOptions): Promise<ChosenTenantsFile> {
  const state = await readDevState(dir);
  const isOfDev = state !== undefined && state.tenants === resolve(tenants);
  return {
    path: tenants,
    nowMs: isOfDev ? state.startedMs : Date.now(),
    policy: policy ?? (isOfDev ? state.policy : "standard"),
    isFollowed: isOfDev && isRunning(state),
  };
}

/**
 * Edits a tenants file: all of it is checked after the edit, and then put in place of the old one, whole.
 *
 * @param edit changes the document; what it returns is returned
 * @throws {CommandFailure} where the file cannot be read, is no YAML, or would be refused after the edit
 */
export async function editTenantsFile<T>(
  chosen: ChosenTenantsFile,
  edit: (document: TenantsDocument) => T | Promise<T>,
): Promise<T> {
  const { path } = chosen;
  if (/\.(?:ndjson|jsonl)$/i.test(path)) {
    throw usageFailure(`${path}: is NDJSON; these commands edit YAML, change the line by hand`);
  }
  const before = readOrFail(path);
  await checkTenants(before, chosen);
  const document = openTenantsDocument(before, path);
  const result = await edit(document);
  const after = document.text();
  if (after === before) return result;
  await checkTenants(after, chosen);
  // A file made beside it and renamed over it: whoever watches sees the old text or the new one.
  const target = realpathSync(path);
  const fresh = `${target}.${process.pid}.new`;
  try {
    writeFileSync(fresh, after, { mode: statSync(target).mode & 0o777 });
    renameSync(fresh, target);
  } catch (cause) {
    throw toFailure(cause);
  }
  return result;
}

async function checkTenants(text: string, { path, nowMs, policy: source }: ChosenTenantsFile): Promise<void> {
  const { compilePolicy } = await import("@dimmer/core");
  const { readTenantsText } = await import("@dimmer/feed/node");
  const { readSoundPolicy } = await import("../policy-source.ts");
  const policy = compilePolicy(await readSoundPolicy(source));
  // Reading to the end is the check: the first fault throws, with file and line.
  for await (const _ of readTenantsText(text, path, { nowMs, policy, form: "yaml" }).entitlements);
}

function readOrFail(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw toFailure(cause);
  }
}
