import type { CreateKeysOptions, KeyDirectory } from "@dimmer/feed/node";
import type { Command } from "commander";
import { note } from "./answer.ts";
import { usageFailure } from "./failure.ts";
import { readTextFile } from "./input-file.ts";

/** Where keys lie unless told otherwise: below the current directory. */
export const DEFAULT_KEYS = ".dimmer/keys";

/** Where the root key is kept, where it is not with the others. */
export type OfflineRoot = NonNullable<CreateKeysOptions["offline"]>;

/** The option that names the file of a passphrase. */
export interface PassphraseOption {
  readonly passphraseFile?: string;
}

/** Adds `--passphrase-file`. The passphrase itself is never an argument: other users of the machine could read it. */
export function addPassphraseOption(command: Command): Command {
  return command.option("--passphrase-file <file>", "file with the passphrase of the keys (or DIMMER_PASSPHRASE)");
}

/**
 * The passphrase of the keys, from `--passphrase-file` or `DIMMER_PASSPHRASE`; `undefined` where neither is given.
 *
 * @throws {CommandFailure} where the file cannot be read or is empty, or the variable has its old name
 */
export function passphraseOf({ passphraseFile }: PassphraseOption): string | undefined {
  if (process.env["DIMMER_KEYS_PASSPHRASE"]) {
    throw usageFailure("DIMMER_KEYS_PASSPHRASE is called DIMMER_PASSPHRASE now; set that, and unset the old one");
  }
  if (passphraseFile === undefined) return process.env["DIMMER_PASSPHRASE"] || undefined;
  const passphrase = readTextFile(passphraseFile, "--passphrase-file").replace(/\r?\n$/, "");
  if (passphrase === "") throw usageFailure(`--passphrase-file ${passphraseFile}: is empty`);
  return passphrase;
}

/** Opens a key directory; what is not as it should be is told on stderr. @throws {DimmerError} `keys_unreadable` */
export async function openKeys(dir: string, option: PassphraseOption): Promise<KeyDirectory> {
  const { openKeyDirectory } = await import("@dimmer/feed/node");
  const passphrase = passphraseOf(option);
  const keys = await openKeyDirectory(dir, passphrase === undefined ? {} : { passphrase });
  for (const warning of keys.warnings) note(`dimmer: warning: ${warning}`);
  return keys;
}

/**
 * Creates a key directory.
 *
 * @throws {DimmerError} `keys_unreadable` where it holds something; {TypeError} where the passphrase is too short
 */
export async function createKeys(dir: string, option: PassphraseOption, offline?: OfflineRoot): Promise<KeyDirectory> {
  const { createKeyDirectory } = await import("@dimmer/feed/node");
  const passphrase = passphraseOf(option);
  return await createKeyDirectory(dir, {
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(offline === undefined ? {} : { offline }),
  });
}

/** Opens a key directory, or creates it where it holds no keys. */
export async function openOrCreateKeys(
  dir: string,
  option: PassphraseOption,
): Promise<{ readonly keys: KeyDirectory; readonly isNew: boolean }> {
  const { hasKeys } = await import("@dimmer/feed/node");
  if (await hasKeys(dir)) return { keys: await openKeys(dir, option), isNew: false };
  return { keys: await createKeys(dir, option), isNew: true };
}
