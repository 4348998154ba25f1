import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DimmerError } from "@dimmer/core";
import { type KeyDirectoryFile, refuseFilled, writeKeyDirectory } from "./key-directory.ts";
import { keyFileText, messageOf, openKeyJwk } from "./key-file.ts";

/** How keys are copied. */
export interface CopyKeysOptions {
  /** Of the keys as they are; left out where they lie in the clear. */
  readonly passphrase?: string;
  /** Of the copy; at least 8 characters. */
  readonly newPassphrase: string;
  /** Called with what is no reason to stop. */
  readonly onWarning?: (warning: string) => void;
}

const KEY = /^(?:root|policy|locks|feed)(?:\.[A-Za-z0-9_-]{16})?\.jwk$/;
const KEYSETS = "keysets";

/**
 * Copies a key directory into a new one under another passphrase, whole or not at all: every key, and the keysets beside
 * them. The one that is there stays as it is, so that nothing is lost where a machine stops halfway.
 *
 * @returns the names of the keys that were copied
 * @throws {TypeError} where the new passphrase is too short
 * @throws {DimmerError} `keys_unreadable` where a key does not open, or the new directory holds something; `disk_failed`
 */
export async function copyKeys(from: string, to: string, options: CopyKeysOptions): Promise<readonly string[]> {
  const { passphrase, newPassphrase, onWarning } = options;
  await refuseFilled(resolve(to));
  const warnings: string[] = [];
  const given = passphrase === undefined ? {} : { passphrase };
  const names = (await namesIn(from)).filter((name) => KEY.test(name));
  if (names.length === 0) throw new DimmerError("keys_unreadable", `${from} holds no keys; name a key directory`);
  const files: KeyDirectoryFile[] = [];
  for (const name of names) {
    const jwk = await openKeyJwk(join(from, name), given, warnings);
    files.push({ name, text: await keyFileText(jwk, { passphrase: newPassphrase }) });
  }
  const keysets = await namesIn(join(from, KEYSETS)).catch((): string[] => []);
  for (const name of keysets.filter((keyset) => /^\d{6}\.jws$/.test(keyset))) {
    files.push({ name: join(KEYSETS, name), text: await readFile(join(from, KEYSETS, name), "utf8") });
  }
  for (const warning of warnings) onWarning?.(warning);
  await writeKeyDirectory(to, files);
  return names;
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch (cause) {
    throw new DimmerError("keys_unreadable", `${path} ${messageOf(cause)}`, { cause });
  }
}
