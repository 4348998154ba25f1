import { readdir, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { DimmerError } from "@dimmer/core";
import { generateSigner, type Signer } from "@dimmer/statement/keys";
import { diskFailure } from "./disk-failure.ts";
import { FILE_MODE, type KeyDirectoryOptions, keyFileText, messageOf, openKeyFile } from "./key-file.ts";
import { syncDirectory, writeAtomically } from "./write-atomically.ts";

/** The roles that a key may be made for. */
export type AddedRole = "root" | "policy" | "locks" | "feed";

/** A key that lies beside the one of its role, in a file such as `feed.KID.jwk`. */
export interface AddedKey {
  readonly role: AddedRole;
  readonly signer: Signer;
  readonly file: string;
}

const ADDED = /^(root|policy|locks|feed)\.([A-Za-z0-9_-]{16})\.jwk$/;

/**
 * Makes a key of a role and keeps it beside the one that is there, as `feed.KID.jwk`: to be announced, and to sign later.
 *
 * @throws {TypeError} where the passphrase is too short
 * @throws {DimmerError} `disk_failed` where it cannot be written
 */
export async function addKey(path: string, role: AddedRole, options: KeyDirectoryOptions = {}): Promise<AddedKey> {
  const { signer, privateJwk } = await generateSigner();
  const file = join(path, `${role}.${signer.kid}.jwk`);
  const text = await keyFileText(privateJwk, options);
  try {
    await writeAtomically(file, text, { mode: FILE_MODE });
    await syncDirectory(path);
  } catch (cause) {
    throw diskFailure(`cannot write ${file}`, cause);
  }
  return { role, signer, file };
}

/** Removes a key that was made and never announced. @throws {DimmerError} `disk_failed` */
export async function removeKey({ file }: Pick<AddedKey, "file">): Promise<void> {
  await unlink(file).catch((cause: unknown) => {
    throw diskFailure(`cannot remove ${file}`, cause);
  });
}

/** The names of the keys that lie beside those of their roles; none where there is no such directory. Never rejects. */
export async function addedKeyNames(path: string): Promise<{ role: AddedRole; kid: string; file: string }[]> {
  const names = await readdir(path).catch((): string[] => []);
  return names.sort().flatMap((name) => {
    const [, role, kid] = ADDED.exec(name) ?? [];
    return role === undefined || kid === undefined ? [] : [{ role: role as AddedRole, kid, file: join(path, name) }];
  });
}

/**
 * Opens a key that lies beside that of its role.
 *
 * @throws {DimmerError} `keys_unreadable`, also where the file holds another key than its name says
 */
export async function openAddedKey(
  { file, kid }: { readonly file: string; readonly kid: string },
  options: KeyDirectoryOptions,
  warnings: string[],
): Promise<Signer> {
  const signer = await openKeyFile(file, options, warnings);
  if (signer.kid === kid) return signer;
  throw new DimmerError("keys_unreadable", `${file}: holds the key ${signer.kid}; give the file its name`);
}

/** Opens the file of a root key, wherever it is kept. @throws {DimmerError} `keys_unreadable` */
export async function openRootKey(
  file: string,
  options: KeyDirectoryOptions = {},
): Promise<{ readonly root: Signer; readonly warnings: readonly string[] }> {
  const warnings: string[] = [];
  return { root: await openKeyFile(file, options, warnings), warnings };
}

/**
 * Has a key that lies beside that of its role take its place: `feed.KID.jwk` becomes `feed.jwk`, and what was there gets
 * the name of its kid. For directories that `dimmer feed build` signs; an authority finds keys under either name.
 *
 * @throws {DimmerError} `keys_unreadable` where there is no such key, or the one in its place does not open; `disk_failed`
 */
export async function useKey(path: string, kid: string, options: KeyDirectoryOptions = {}): Promise<AddedKey> {
  const found = (await addedKeyNames(path)).find((key) => key.kid === kid);
  if (found === undefined) {
    throw new DimmerError("keys_unreadable", `${path} has no key ${kid} beside those of its roles`);
  }
  const { role, file } = found;
  const signer = await openAddedKey(found, options, []);
  const place = join(path, `${role}.jwk`);
  const former = await openKeyFile(place, options, []);
  try {
    await rename(place, join(path, `${role}.${former.kid}.jwk`));
    await rename(file, place);
    await syncDirectory(path);
  } catch (cause) {
    throw new DimmerError("disk_failed", `cannot put ${file} in the place of ${place}: ${messageOf(cause)}`, { cause });
  }
  return { role, signer, file: place };
}
