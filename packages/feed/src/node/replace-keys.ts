import { resolve } from "node:path";
import { DimmerError } from "@dimmer/core";
import { inspectStatement, type Signer, type Version } from "@dimmer/statement";
import { generateSigner } from "@dimmer/statement/keys";
import { keysetKeyOf, signNextKeyset } from "../build/keyset-changes.ts";
import { keysetFile, refuseFilled, writeKeyDirectory } from "./key-directory.ts";
import { type KeyDirectoryOptions, keyFileText } from "./key-file.ts";

const ROLES = ["policy", "locks", "feed"] as const;

/** What lost keys are replaced by. */
export interface ReplaceKeysOptions extends KeyDirectoryOptions {
  /** All keysets of the feed, oldest first. */
  readonly keysets: readonly string[];
  /** The root key that the newest of them names. */
  readonly root: Signer;
  /** The last version that the lost keys are believed for. */
  readonly lastGood: Version;
}

/** Keys that took the place of others. */
export interface ReplacedKeys {
  /** Version of the keyset that says so. */
  readonly keyset: number;
  /** The new ones, in the order policy, locks, feed. */
  readonly keys: readonly { readonly kid: string; readonly role: (typeof ROLES)[number] }[];
  /** Ids of all keys that are believed no further than `lastGood`. */
  readonly replaced: readonly string[];
}

/**
 * Makes a key directory for a feed whose online keys are lost: three new keys, and beside the keysets of the feed one
 * more, signed by the root, that names them and revokes every other. An authority that starts with the directory puts it
 * in force. Does not hold the root key, and publishes nothing.
 *
 * @throws {TypeError} where the passphrase is too short
 * @throws {DimmerError} `keys_unreadable` where the directory holds something or `root` is not the root of the feed;
 *   `input_invalid` where there is no keyset; `disk_failed`
 */
export async function replaceKeys(path: string, options: ReplaceKeysOptions): Promise<ReplacedKeys> {
  const { keysets, root, lastGood } = options;
  await refuseFilled(resolve(path));
  const newest = keysets.length === 0 ? undefined : inspectStatement(keysets.at(-1) as string);
  if (newest?.typ !== "dimmer-keyset+jwt") {
    throw new DimmerError(
      "input_invalid",
      "there is no keyset: nothing was ever published, and there is nothing to replace",
    );
  }
  const made = await Promise.all(ROLES.map(async (role) => ({ role, ...(await generateSigner()) })));
  const add = made.map(({ role, signer }) => keysetKeyOf(role, signer));
  const replaced = newest.payload.keys
    .filter(({ kid, role }) => role !== "root" && !newest.payload.revocations.some((revoked) => revoked.kid === kid))
    .map(({ kid }) => kid);
  const revocations = replaced.map((kid) => ({ kid, lastGood }));
  const next = await signNextKeyset(newest.payload, { add, revocations }, root);
  const signed = [...keysets, next].map((token, i) => ({ name: keysetFile(i + 1), text: token }));
  const files = made.map(async ({ role, privateJwk }) => ({
    name: `${role}.jwk`,
    text: await keyFileText(privateJwk, options),
  }));
  await writeKeyDirectory(path, [...(await Promise.all(files)), ...signed]);
  const keys = made.map(({ role, signer }) => ({ kid: signer.kid, role }));
  return { keyset: newest.payload.version + 1, keys, replaced };
}
