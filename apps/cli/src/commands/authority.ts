import { closeSync, fchmodSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { OptionDefinition, OptionName } from "@dimmer/authority";
import type { Command } from "commander";
import { note } from "../answer.ts";
import { addCommand } from "../command.ts";
import { toFailure, usageFailure } from "../failure.ts";
import { addPassphraseOption, openOrCreateKeys, type PassphraseOption, passphraseOf } from "../keys.ts";
import { stopSignals } from "../stop-signals.ts";
import { addAuthorityBackup } from "./authority-backup.ts";
import { addAuthorityRaiseEpoch } from "./authority-raise-epoch.ts";
import { addAuthorityRestore } from "./authority-restore.ts";

interface Options extends PassphraseOption {
  readonly json?: boolean;
  readonly data?: string;
  readonly firstKeyFile?: string;
  readonly [option: string]: unknown;
}

/**
 * `dimmer authority`: keeps tenants, restrictions, locks and policies, signs them and streams them. Its options are
 * those that the authority itself defines; they are loaded only where the command is named, with the whole server.
 */
export async function addAuthority(parent: Command, isNamed: boolean): Promise<void> {
  const command = addCommand(parent, {
    usage: "authority",
    summary: "keep tenants and their restrictions, sign them, and stream them to sidecars",
    details:
      "Every option may also stand in the environment (DIMMER_STORE); flags come first. The first start on a store makes " +
      "one API key, role admin, prints it once and leaves it in --first-key-file. Ends in order on SIGINT and SIGTERM, with exit code 0.",
    examples: [
      ["authority --data /var/lib/dimmer", "its store and its keys in one directory, made where there is nothing"],
      ["authority --store sqlite:authority.db --keys .dimmer/keys", "one process on a file, on port 7300"],
      [
        "authority --store postgres://dimmer@db/dimmer --keys keys --issuer https://dimmer.example.com --audience production",
        "one of several on PostgreSQL",
      ],
    ],
  });
  // Its own options stand before a subcommand, and those of a subcommand behind it.
  command.enablePositionalOptions();
  addAuthorityBackup(command);
  addAuthorityRestore(command);
  addAuthorityRaiseEpoch(command);
  if (!isNamed) return;
  const { AUTHORITY_OPTIONS } = await import("@dimmer/authority");
  for (const [name, definition] of Object.entries(AUTHORITY_OPTIONS) as [OptionName, OptionDefinition][]) {
    const { flag, argument, describe, isSecret } = definition;
    // A secret is no flag: other users of the machine could read it.
    if (isSecret === true) continue;
    const help = name === "store" || name === "keys" ? `${describe} (required without --data)` : describe;
    command.option(argument === "" ? flag : `${flag} <${argument}>`, help);
  }
  command.option(
    "--data <dir>",
    "directory for a store of this process alone and its keys, instead of --store and --keys",
  );
  command.option("--first-key-file <file>", "where a first start leaves its API key (default: DATA/first-admin.key)");
  addPassphraseOption(command).action(run);
}

async function run(options: Options): Promise<void> {
  const { readAuthorityConfig, startAuthority } = await import("@dimmer/authority");
  const { json, passphraseFile, data, firstKeyFile, ...given } = options;
  const keyFile = firstKeyFile ?? (data === undefined ? undefined : join(data, "first-admin.key"));
  const flags = data === undefined ? given : { ...given, ...(await ownDirectory(data, options)) };
  const passphrase = passphraseOf(passphraseFile === undefined ? {} : { passphraseFile });
  const env = { ...process.env, ...(passphrase === undefined ? {} : { DIMMER_PASSPHRASE: passphrase }) };
  const stop = stopSignals();
  const { url, trust, firstSecret, close } = await startAuthority(
    readAuthorityConfig({ flags, env }),
    keyFile === undefined ? {} : { keepFirstSecret: (secret) => keepSecret(keyFile, secret) },
  );
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ url, trust, firstApiKey: firstSecret ?? null, pid: process.pid })}\n`);
  } else {
    process.stdout.write(`authority listens on ${url}; trust ${trust}\n`);
    if (firstSecret !== undefined) {
      process.stdout.write(`first API key (admin), shown once: ${firstSecret}\n`);
      if (keyFile !== undefined)
        process.stdout.write(`it is also in ${keyFile}, for --api-key-file: put it away safely\n`);
    }
  }
  if (new URL(url).hostname !== "127.0.0.1" && new URL(url).hostname !== "[::1]") {
    note("dimmer: note: put TLS in front of this address: keys and the feed pass over it");
  }
  await stop.stopped;
  await close();
  stop.release();
}

/** Leaves a secret in a file of its owner alone; one of a start that came to nothing is written over. */
function keepSecret(path: string, secret: string): void {
  try {
    const file = openSync(path, "w", 0o600);
    try {
      fchmodSync(file, 0o600);
      writeSync(file, `${secret}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw toFailure(cause);
  }
}

/** Store and keys in one directory: what is not there is made, readable by its owner alone. */
async function ownDirectory(data: string, options: Options): Promise<{ store: string; keys: string }> {
  if (options["store"] !== undefined || options["keys"] !== undefined) {
    throw usageFailure("--data: holds the store and the keys; give it, or --store and --keys");
  }
  try {
    mkdirSync(data, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw toFailure(cause);
  }
  const keys = join(data, "keys");
  const { passphraseFile } = options;
  const { isNew } = await openOrCreateKeys(keys, passphraseFile === undefined ? {} : { passphraseFile });
  if (isNew) note(`made keys in ${keys}`);
  return { store: `sqlite:${join(data, "authority.db")}`, keys };
}
