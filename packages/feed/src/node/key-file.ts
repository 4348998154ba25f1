import { readFile, stat } from "node:fs/promises";
import { DimmerError } from "@dimmer/core";
import {
  decryptJwk,
  encryptJwk,
  isEncryptedJwk,
  type PrivateJwk,
  type Signer,
  signerFromJwk,
} from "@dimmer/statement/keys";

/** Mode of a key file: its owner alone. */
export const FILE_MODE = 0o600;
const READ_BY_GROUP = 0o040;
/** Bits that let somebody else replace a key, or anybody read it. */
const TOO_OPEN = 0o037;

/** How keys are kept. */
export interface KeyDirectoryOptions {
  /** Encrypts every file; at least 8 characters. Without it keys lie in the clear under mode 0600: for development. */
  readonly passphrase?: string;
}

/**
 * Opens the file of one key. What is no reason to stop is added to `warnings`.
 *
 * @throws {DimmerError} `keys_unreadable` naming the file and the fix
 */
export async function openKeyFile(file: string, options: KeyDirectoryOptions, warnings: string[]): Promise<Signer> {
  const jwk = await openKeyJwk(file, options, warnings);
  return await named(file, () => signerFromJwk(jwk));
}

/** Reads the private key of a file, to be written again. @throws {DimmerError} as `openKeyFile` */
export async function openKeyJwk(
  file: string,
  { passphrase }: KeyDirectoryOptions,
  warnings: string[],
): Promise<PrivateJwk> {
  const text = await readKeyFile(file, warnings);
  return await named(file, async () => {
    if (!isEncryptedJwk(text)) {
      if (passphrase !== undefined) warnings.push(`${file} is not encrypted: the passphrase was not needed`);
      return JSON.parse(text) as PrivateJwk;
    }
    if (passphrase === undefined) throw new DimmerError("keys_unreadable", "it is encrypted; give the passphrase");
    return await decryptJwk(text.trim(), passphrase);
  });
}

async function named<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
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

/** The text of a key file. @throws {TypeError} where the passphrase is too short */
export async function keyFileText(jwk: PrivateJwk, { passphrase }: KeyDirectoryOptions): Promise<string> {
  return `${passphrase === undefined ? JSON.stringify(jwk) : await encryptJwk(jwk, passphrase)}\n`;
}

/** What an error says. Never throws. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
