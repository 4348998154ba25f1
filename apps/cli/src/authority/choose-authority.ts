import type { Command } from "commander";
import { note } from "../answer.ts";
import { DEFAULT_DIR, type DevState, isRunning, nothingRunsIn, readDevState } from "../dev-state.ts";
import { usageFailure } from "../failure.ts";
import { readTextFile } from "../input-file.ts";

/** The options of every command that talks to an authority. */
export interface AuthorityOptions {
  readonly authority?: string;
  readonly apiKeyFile?: string;
  readonly dir: string;
}

/** An authority that a command is about. */
export interface ChosenAuthority {
  /** Without a slash at its end. */
  readonly url: string;
  readonly apiKey: string;
  /** The running `dimmer dev` that it belongs to; `undefined` for any other authority. */
  readonly dev: DevState | undefined;
}

/** Which of the keys of `dimmer dev` is taken where no other is given. */
export type DevRole = "developer" | "approver";

/** Adds the options that choose an authority and the key for it. The key itself is never an argument. */
export function addAuthorityOptions(command: Command): Command {
  return command
    .option("--authority <url>", "authority to talk to (or DIMMER_AUTHORITY; default: that of the running dimmer dev)")
    .option("--api-key-file <file>", "file with the API key (or DIMMER_API_KEY; default: that of dimmer dev)")
    .option("--dir <dir>", "directory of dimmer dev", DEFAULT_DIR);
}

/**
 * Chooses the authority: the one that is named, else that of the running `dimmer dev`. The key of `dimmer dev` is sent to
 * its own authority alone.
 *
 * @throws {CommandFailure} where there is none, or no key for it
 */
export async function chooseAuthority(
  { authority, apiKeyFile, dir }: AuthorityOptions,
  role: DevRole = "developer",
): Promise<ChosenAuthority> {
  const named = authority ?? (process.env["DIMMER_AUTHORITY"] || undefined);
  const state = await readDevState(dir);
  const dev = state !== undefined && isRunning(state) ? state : undefined;
  if (named === undefined && dev === undefined) {
    throw usageFailure(
      `${nothingRunsIn(dir)}: start it, or name an authority with --authority URL (tenants: or a file with --tenants FILE)`,
    );
  }
  const url = named === undefined ? (dev as DevState).authority : checkedUrl(named);
  const own = dev?.authority === url ? dev : undefined;
  return { url, apiKey: keyFor(url, { apiKeyFile, own, role }), dev: own };
}

function checkedUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== "" || url.search !== "") {
    throw usageFailure(`--authority ${JSON.stringify(text)}: must be a URL such as https://authority.example.com`);
  }
  if (url.protocol === "http:" && !/^(?:localhost|127\..*|\[::1\])$/.test(url.hostname)) {
    note(`dimmer: warning: ${url.origin} is not encrypted: the API key can be read on its way`);
  }
  return url.href.replace(/\/+$/, "");
}

function keyFor(
  url: string,
  { apiKeyFile, own, role }: { apiKeyFile: string | undefined; own: DevState | undefined; role: DevRole },
): string {
  const file = apiKeyFile ?? (process.env["DIMMER_API_KEY"] ? undefined : own?.keyFiles[role]);
  if (file === undefined) {
    const key = process.env["DIMMER_API_KEY"];
    if (key) return checkedKey(key, "DIMMER_API_KEY");
    throw usageFailure(`no API key for ${url}: give --api-key-file FILE, or set DIMMER_API_KEY`);
  }
  return checkedKey(readTextFile(file, "--api-key-file").trim(), `--api-key-file ${file}`);
}

function checkedKey(key: string, from: string): string {
  if (/^[\w-]{8,256}$/.test(key)) return key;
  throw usageFailure(`${from}: is no API key; one looks like dmk_… and was shown when it was made`);
}
