import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DimmerError } from "@dimmer/core";
import { generateSigner, isEncryptedJwk, type Signer, trustStringOf } from "@dimmer/statement/keys";
import type { FeedSigners } from "../build/feed-signers.ts";
import { nextKeysets } from "../build/next-keyset.ts";
import { addedKeyNames, openAddedKey } from "./added-keys.ts";
import { diskFailure } from "./disk-failure.ts";
import { FILE_MODE, type KeyDirectoryOptions, keyFileText, messageOf, openKeyFile } from "./key-file.ts";
import { syncDirectory, writeAtomically } from "./write-atomically.ts";

/** The roles of a key directory; each has a file of its name, such as `root.jwk`. */
const ROLES = ["root", "policy", "locks", "feed"] as const;
type Role = (typeof ROLES)[number];

const DIRECTORY_MODE = 0o700;
const KEYSETS = "keysets";

/** How new keys are kept. */
export interface CreateKeysOptions extends KeyDirectoryOptions {
  /**
   * Keeps the root key out of the directory, in a file that is not there yet, under a passphrase of its own; the first
   * keyset lies signed in the directory, as `keysets/000001.jws`: an authority never needs the root key then.
   */
  readonly offline?: {
    readonly rootFile: string;
    readonly rootPassphrase: string;
    /** Who issues, and for whom: what the authority is started with. */
    readonly iss: string;
    readonly aud: string;
  };
}

/** An opened key directory. */
export interface KeyDirectory {
  readonly signers: FeedSigners;
  /** What replicas pin: `SHA256:` + thumbprint of the root key. */
  readonly trust: string;
  /** What is not as it should be and no reason to stop, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Creates a directory with four new keys, `root.jwk`, `policy.jwk`, `locks.jwk`, `feed.jwk`: mode 0600, the directory
 * 0700, there whole or not at all. Never overwrites: the directory must be missing or empty.
 *
 * @throws {TypeError} where the passphrase is too short
 * @throws {DimmerError} `keys_unreadable` where the directory holds something; `disk_failed` where it cannot be written
 */
export async function createKeyDirectory(path: string, options: CreateKeysOptions = {}): Promise<KeyDirectory> {
  const directory = resolve(path);
  await refuseFilled(directory);
  const { offline } = options;
  const made = await Promise.all(ROLES.map(async (role) => ({ role, ...(await generateSigner()) })));
  const signers = Object.fromEntries(made.map(({ role, signer }) => [role, signer])) as Record<Role, Signer>;
  const inside = made.filter(({ role }) => role !== "root" || offline === undefined);
  const files = await Promise.all(
    inside.map(async ({ role, privateJwk }) => ({
      name: fileOf(role),
      text: await keyFileText(privateJwk, options),
    })),
  );
  if (offline !== undefined) {
    const { rootFile, rootPassphrase: passphrase, iss, aud } = offline;
    const { privateJwk } = made.find(({ role }) => role === "root") as (typeof made)[number];
    const [keyset] = await nextKeysets({ signers, iss, aud }, undefined);
    files.push({ name: keysetFile(1), text: `${keyset}` });
    await writeNewFile(rootFile, await keyFileText(privateJwk, { passphrase }));
  }
  await writeKeyDirectory(path, files);
  return { signers, trust: await trustStringOf(signers.root.publicKey), warnings: [] };
}

/** A file of a key directory, by its path in it. */
export interface KeyDirectoryFile {
  readonly name: string;
  readonly text: string;
}

/**
 * Puts a key directory in its place, whole or not at all: mode 0700, each file 0600. What is missing or empty gives way.
 *
 * @throws {DimmerError} `keys_unreadable` where the directory holds something; `disk_failed` where it cannot be written
 */
export async function writeKeyDirectory(path: string, files: readonly KeyDirectoryFile[]): Promise<void> {
  const directory = resolve(path);
  const temporary = `${directory}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await mkdir(temporary, { recursive: true, mode: DIRECTORY_MODE });
    for (const { name, text } of files) {
      const file = join(temporary, name);
      await mkdir(dirname(file), { recursive: true, mode: DIRECTORY_MODE });
      await writeAtomically(file, text, { mode: FILE_MODE });
    }
    await syncDirectory(temporary);
    // An empty directory gives way; one that another process has filled meanwhile does not, and renaming fails.
    await rmdir(directory).catch(() => undefined);
    await rename(temporary, directory);
    await syncDirectory(dirname(directory));
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    await refuseFilled(directory);
    throw diskFailure(`cannot create the key directory ${path}`, cause);
  }
}

/** Writes a file that must not be there yet. @throws {DimmerError} `keys_unreadable`, `disk_failed` */
async function writeNewFile(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { mode: FILE_MODE, flag: "wx", flush: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw diskFailure(`cannot write ${file}`, cause);
    throw new DimmerError("keys_unreadable", `${file} is there already, and keys are never overwritten`, { cause });
  }
}

/**
 * Opens a key directory. Files that others may read or replace are refused, as a copied key signs for ever; where only
 * the group may read them, that is a warning.
 *
 * @throws {DimmerError} `keys_unreadable` for a missing file, a wrong or missing passphrase, a damaged key, or a mode
 *   that is too open, naming the file and the fix
 */
export async function openKeyDirectory(path: string, options: KeyDirectoryOptions = {}): Promise<KeyDirectory> {
  const warnings: string[] = [];
  const signers = (await openRoles(path, { ...options, roles: ROLES, warnings })) as Record<Role, Signer>;
  return { signers, trust: await trustStringOf(signers.root.publicKey), warnings };
}

/** What an authority signs with: the root key only where it lies there and opens, since it may be kept offline. */
export interface IssuingKeys {
  readonly signers: Pick<FeedSigners, "policy" | "locks" | "feed">;
  readonly root?: Signer;
  /** Keys that lie beside those of their roles, such as `feed.KID.jwk`: announced, to sign later, or signed before. */
  readonly added: readonly { readonly role: "policy" | "locks" | "feed"; readonly signer: Signer }[];
  /** Keysets that were signed with the root key where it is kept, oldest first: `keysets/000001.jws`… */
  readonly keysets: readonly string[];
  /** What is not as it should be and no reason to stop, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Opens a key directory for issuing. A root key that is not there, or is encrypted while no passphrase is given, is left
 * out; whatever else is wrong with any key is an error, as with `openKeyDirectory`.
 *
 * @throws {DimmerError} `keys_unreadable`
 */
export async function openIssuingKeys(path: string, options: KeyDirectoryOptions = {}): Promise<IssuingKeys> {
  const warnings: string[] = [];
  const text = await readFile(join(path, fileOf("root")), "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new DimmerError("keys_unreadable", `${join(path, fileOf("root"))} ${messageOf(cause)}`, { cause });
  });
  const isOffline = text === undefined || (isEncryptedJwk(text) && options.passphrase === undefined);
  const roles = isOffline ? ROLES.filter((role) => role !== "root") : ROLES;
  const { root, ...signers } = await openRoles(path, { ...options, roles, warnings });
  const added: { role: "policy" | "locks" | "feed"; signer: Signer }[] = [];
  for (const key of await addedKeyNames(path)) {
    const { role } = key;
    if (role !== "root") added.push({ role, signer: await openAddedKey(key, options, warnings) });
  }
  return {
    signers: signers as Pick<FeedSigners, "policy" | "locks" | "feed">,
    ...(root === undefined ? {} : { root }),
    added,
    keysets: await readKeysets(path),
    warnings,
  };
}

async function openRoles(
  path: string,
  {
    roles,
    warnings,
    ...options
  }: KeyDirectoryOptions & { readonly roles: readonly Role[]; readonly warnings: string[] },
): Promise<Partial<Record<Role, Signer>>> {
  const opened = await Promise.all(
    roles.map(async (role) => [role, await openKeyFile(join(path, fileOf(role)), options, warnings)] as const),
  );
  for (const [i, [role, { kid }]] of opened.entries()) {
    const twin = opened.slice(0, i).find(([, signer]) => signer.kid === kid)?.[0];
    if (twin === undefined) continue;
    const files = `${fileOf(twin)} and ${fileOf(role)}`;
    throw new DimmerError("keys_unreadable", `${path}: ${files} hold the same key; give each role its own`);
  }
  return Object.fromEntries(opened);
}

/** Whether a directory has a key file of any role: it is then to be opened, not to be created. */
export async function hasKeys(path: string): Promise<boolean> {
  const names = new Set(await readdir(path).catch((): string[] => []));
  return ROLES.some((role) => names.has(fileOf(role)));
}

/** The keysets of a key directory, oldest first; none where none were signed into it. */
async function readKeysets(path: string): Promise<string[]> {
  const directory = join(path, KEYSETS);
  const names = await readdir(directory).catch((): string[] => []);
  const texts = names
    .filter((name) => /^\d{6}\.jws$/.test(name))
    .sort()
    .map(async (name) => (await readFile(join(directory, name), "utf8")).trim());
  return await Promise.all(texts);
}

/** Refuses a directory that holds something: keys are never overwritten. @throws {DimmerError} `keys_unreadable` */
export async function refuseFilled(directory: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(directory);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return;
    throw diskFailure(`cannot read ${directory}`, cause);
  }
  if (names.length === 0) return;
  const what = names.includes(fileOf("root"))
    ? "holds keys already, and keys are never overwritten"
    : `holds ${names[0]}`;
  throw new DimmerError("keys_unreadable", `${directory} ${what}; name an empty or a new directory`);
}

/** Where a keyset lies in a key directory. Never throws. */
export function keysetFile(version: number): string {
  return join(KEYSETS, `${String(version).padStart(6, "0")}.jws`);
}

function fileOf(role: Role): string {
  return `${role}.jwk`;
}
