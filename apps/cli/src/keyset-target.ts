import { writeFileSync } from "node:fs";
import type { KeysetPayload, Signer } from "@dimmer/statement";
import type { Command } from "commander";
import { note } from "./answer.ts";
import type { Body } from "./authority/authority-client.ts";
import { type AuthorityOptions, addAuthorityOptions } from "./authority/choose-authority.ts";
import { usageFailure } from "./failure.ts";
import { requireFeedDirectory } from "./feed-choice.ts";
import { readTextFile } from "./input-file.ts";
import { addPassphraseOption, DEFAULT_KEYS, type PassphraseOption, passphraseOf } from "./keys.ts";

/** The options of every command that signs a keyset. */
export interface KeysetOptions extends AuthorityOptions, PassphraseOption {
  readonly keys: string;
  readonly root?: string;
  readonly rootPassphraseFile?: string;
  readonly feed?: string;
  readonly keysets?: string;
  readonly out?: string;
  readonly reason?: string;
}

/** Where keysets come from and go to. */
export interface KeysetTarget {
  /** Signed, oldest first. */
  readonly keysets: readonly string[];
  /** What the newest of them says. */
  readonly newest: KeysetPayload;
  /** What an authority says of its keys; `undefined` for anything else. */
  readonly status: Body | undefined;
  /** Publishes keysets; what became of it, in words. @throws what refuses them */
  publish(added: readonly string[]): Promise<{ readonly text: string; readonly version?: string }>;
}

/** Adds the options that say which keysets are meant. */
export function addKeysetOptions(command: Command): Command {
  command
    .option(
      "--keys <dir>",
      "key directory: a new key is made in it, and it names the keys of a feed directory",
      DEFAULT_KEYS,
    )
    .option("--root <file>", "file of the root key (default: root.jwk in the key directory)")
    .option("--root-passphrase-file <file>", "file with the passphrase of the root key, where it has one of its own")
    .option("--feed <dir>", "a feed directory instead of an authority: keysets are published beside the feed")
    .option("--keysets <file>", "keysets in force, as GET /v1/keysets answers them: where the root key has no network")
    .option("--out <file>", "with --keysets: file for the new keysets, to be sent with `dimmer keys publish`")
    .option("--reason <text>", "why, for the ledger of the authority", "keys");
  return addPassphraseOption(addAuthorityOptions(command));
}

/** Opens what the options name. @throws {CommandFailure} */
export async function openTarget(options: KeysetOptions): Promise<KeysetTarget> {
  const { feed, keysets: file, out } = options;
  if (feed !== undefined && file !== undefined) throw usageFailure("--feed and --keysets: give one of them");
  if ((file === undefined) !== (out === undefined)) throw usageFailure("--keysets and --out: give both or neither");
  if (feed !== undefined) return await directoryTarget(feed);
  if (file !== undefined && out !== undefined) return await fileTarget(file, out);
  const { openAuthority } = await import("./authority/authority-command.ts");
  const { client } = await openAuthority(options);
  const [{ keysets }, status] = [await client.get("/v1/keysets"), await client.get("/v1/keys")];
  const target = await targetOf(keysets as string[]);
  return {
    ...target,
    status,
    publish: async (added) => {
      const { version } = await client.write("POST", "/v1/keysets", {
        reason: options.reason ?? "keys",
        body: { keysets: added },
      });
      if (version === undefined) return { text: "taken, and not in force yet: nobody signs now" };
      return { text: `in force with version ${version}`, version };
    },
  };
}

/** Opens the root key. @throws {DimmerError} `keys_unreadable` */
export async function openRoot(
  options: Pick<KeysetOptions, "keys" | "root" | "rootPassphraseFile" | "passphraseFile">,
): Promise<Signer> {
  const { openRootKey } = await import("@dimmer/feed/node");
  const { rootPassphraseFile, keys, root = `${keys}/root.jwk` } = options;
  const passphrase = passphraseOf(rootPassphraseFile === undefined ? options : { passphraseFile: rootPassphraseFile });
  const opened = await openRootKey(root, passphrase === undefined ? {} : { passphrase });
  for (const warning of opened.warnings) note(`dimmer: warning: ${warning}`);
  return opened.root;
}

async function directoryTarget(feed: string): Promise<KeysetTarget> {
  requireFeedDirectory(feed);
  const { appendKeysets, directorySource } = await import("@dimmer/feed/node");
  const { trustStringOf } = await import("@dimmer/statement/keys");
  const target = await targetOf(await directorySource(feed).keysets());
  const first = await payloadOf(target.keysets[0] as string);
  const root = first.keys.find(({ role }) => role === "root") as (typeof first.keys)[number];
  return {
    ...target,
    status: undefined,
    publish: async (added) => {
      const trust = [await trustStringOf(root.jwk)];
      await appendKeysets(feed, added, { trust, audience: first.aud, nowMs: Date.now() });
      return { text: `published in ${feed}` };
    },
  };
}

async function fileTarget(file: string, out: string): Promise<KeysetTarget> {
  const target = await targetOf(readKeysetsFile(file, "--keysets"));
  return {
    ...target,
    status: undefined,
    publish: async (added) => {
      writeFileSync(out, `${JSON.stringify({ keysets: added })}\n`, { flag: "wx" });
      return { text: `written to ${out}; send it with: dimmer keys publish ${out}` };
    },
  };
}

/** Reads a file `{"keysets": […]}`. @throws {CommandFailure} */
export function readKeysetsFile(file: string, what: string): string[] {
  let keysets: unknown;
  try {
    keysets = (JSON.parse(readTextFile(file, what)) as { keysets?: unknown }).keysets;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
  }
  if (Array.isArray(keysets) && keysets.length > 0 && keysets.every((token) => typeof token === "string")) {
    return keysets as string[];
  }
  throw usageFailure(`${what} ${file}: must hold {"keysets": ["…"]}, as GET /v1/keysets answers`);
}

async function targetOf(keysets: readonly string[]): Promise<Pick<KeysetTarget, "keysets" | "newest">> {
  return { keysets, newest: await payloadOf(keysets.at(-1) as string) };
}

async function payloadOf(token: string): Promise<KeysetPayload> {
  const { inspectStatement } = await import("@dimmer/statement");
  const statement = inspectStatement(token);
  if (statement.typ !== "dimmer-keyset+jwt") throw usageFailure(`keysets: holds a ${statement.typ}`);
  return statement.payload;
}
