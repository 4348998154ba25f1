import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DimmerError } from "@dimmer/core";
import {
  decryptJwk,
  encryptJwk,
  generateSigner,
  isEncryptedJwk,
  type PrivateJwk,
  type Signer,
  signerFromJwk,
  trustStringOf,
} from "@dimmer/statement/keys";
import type { FeedSigners } from "../build/feed-signers.ts";
import { diskFailure } from "./disk-failure.ts";
import { syncDirectory, writeAtomically } from "./write-atomically.ts";

/** The roles of a key directory; each has a file of its name, such as `root.jwk`. */
const ROLES = ["root", "policy", "locks", "feed"] as const;
type Role = (typeof ROLES)[number];

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const READ_BY_GROUP = 0o040;
/** Bits that let somebody else replace a key, or anybody read it. */
const TOO_OPEN = 0o037;

/** Options of a key directory. */
export interface KeyDirectoryOptions {
  /** Encrypts every file; at least 8 characters. Without it keys lie in the clear under mode 0600: for development. */
  readonly passphrase?: string;
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
export async function createKeyDirectory(path: string, options: KeyDirectoryOptions = {}): Promise<KeyDirectory> {
  const directory = resolve(path);
  await refuseFilled(directory);
  const made = await Promise.all(ROLES.map(async (role) => ({ role, ...(await generateSigner()) })));
  const files = await Promise.all(
    made.map(async ({ role, privateJwk }) => ({
      name: fileOf(role),
      text: await textOf(privateJwk, options.passphrase),
    })),
  );
  const temporary = `${directory}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    await mkdir(temporary, { recursive: true, mode: DIRECTORY_MODE });
    for (const { name, text } of files) await writeAtomically(join(temporary, name), text, { mode: FILE_MODE });
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
  const signers = Object.fromEntries(made.map(({ role, signer }) => [role, signer])) as Record<Role, Signer>;
  return { signers, trust: await trustStringOf(signers.root.publicKey), warnings: [] };
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
  return {
    signers: signers as Pick<FeedSigners, "policy" | "locks" | "feed">,
    ...(root === undefined ? {} : { root }),
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
    roles.map(async (role) => [role, await openKey(join(path, fileOf(role)), options, warnings)] as const),
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

async function openKey(file: string, { passphrase }: KeyDirectoryOptions, warnings: string[]): Promise<Signer> {
  const text = await readKeyFile(file, warnings);
  try {
    if (!isEncryptedJwk(text)) {
      if (passphrase !== undefined) warnings.push(`${file} is not encrypted: the passphrase was not needed`);
      return await signerFromJwk(JSON.parse(text) as PrivateJwk);
    }
    if (passphrase === undefined) throw new DimmerError("keys_unreadable", "it is encrypted; give the passphrase");
    return await signerFromJwk(await decryptJwk(text.trim(), passphrase));
  } catch (cause) {
    const reason = cause instanceof SyntaxError ? "it is neither a JWK nor an encrypted one" : messageOf(cause);
    throw new DimmerError("keys_unreadable", `${file}: ${reason}`, { cause });
  }
}

async function readKeyFile(file: string, warnings: string[]): Promise<string> {
  try {
    const { mode } = await stat(file);
    if (process.platform !== "win32" && (mode & TOO_OPEN) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, "0");
      throw new DimmerError("keys_unreadable", `${file} is open to others (mode ${shown}); run: chmod 600 ${file}`);
    }
    if (process.platform !== "win32" && (mode & READ_BY_GROUP) !== 0) {
      warnings.push(`${file} can be read by its group; run: chmod 600 ${file}`);
    }
    return await readFile(file, "utf8");
  } catch (cause) {
    if (cause instanceof DimmerError) throw cause;
    const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const reason = isMissing ? "is missing; create keys with `dimmer keys init`, or restore it" : messageOf(cause);
    throw new DimmerError("keys_unreadable", `${file} ${reason}`, { cause });
  }
}

async function refuseFilled(directory: string): Promise<void> {
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

async function textOf(jwk: PrivateJwk, passphrase: string | undefined): Promise<string> {
  return `${passphrase === undefined ? JSON.stringify(jwk) : await encryptJwk(jwk, passphrase)}\n`;
}

function fileOf(role: Role): string {
  return `${role}.jwk`;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
