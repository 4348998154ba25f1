import { DimmerError } from "@dimmer/core";
import { type TrustedKeys, verifyKeysetChain } from "@dimmer/statement";

/** The newest verified keysets. What is not verified never gets in, and the version never goes down. */
export class Keyring {
  #tokens: readonly string[] = [];
  #keys: TrustedKeys | undefined;
  readonly #trust: readonly string[];
  readonly #audience: string;

  constructor(trust: readonly string[], audience: string) {
    this.#trust = trust;
    this.#audience = audience;
  }

  /** All keysets, oldest first. */
  get tokens(): readonly string[] {
    return this.#tokens;
  }

  get keys(): TrustedKeys | undefined {
    return this.#keys;
  }

  /**
   * Verifies a chain of keysets and takes it where it is newer.
   *
   * @throws {DimmerError} as `verifyKeysetChain`; `statement_outdated` where it ends below the one held
   */
  async take(tokens: readonly string[]): Promise<void> {
    if (this.#keys !== undefined && isSame(tokens, this.#tokens)) return;
    const known = this.#keys;
    const keys = await verifyKeysetChain(tokens, {
      trust: this.#trust,
      audience: this.#audience,
      ...(known === undefined ? {} : { highestSeen: known.version, highestSeenDigest: known.digest }),
    });
    this.#keys = keys;
    this.#tokens = [...tokens];
  }
}

/**
 * Verifies under the keys held. Where these do not know the key that signed, the keysets are looked at again: a key may
 * have been rotated since.
 *
 * @param more takes the newest keysets; left out where there is nowhere to look
 * @throws what `verify` throws under the newest keys, what `more` throws
 */
export async function underNewestKeys<T>(
  keyring: Keyring,
  more: (() => Promise<void>) | undefined,
  verify: (keys: TrustedKeys) => Promise<T>,
): Promise<T> {
  if (keyring.keys === undefined) await more?.();
  const { keys } = keyring;
  if (keys === undefined) throw new DimmerError("statement_untrusted", "no keyset is held yet", { retryable: true });
  try {
    return await verify(keys);
  } catch (error) {
    if (more === undefined || !(error instanceof DimmerError) || error.code !== "statement_untrusted") throw error;
    if (!error.retryable) throw error;
    await more();
    if (keyring.keys === keys) throw error;
    return await verify(keyring.keys as TrustedKeys);
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((token, i) => token === b[i]);
}
