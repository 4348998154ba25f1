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

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((token, i) => token === b[i]);
}
