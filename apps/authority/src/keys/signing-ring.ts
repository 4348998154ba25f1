import { DimmerError } from "@dimmer/core";
import type { FeedSigners } from "@dimmer/feed/build";
import { addedKeyNames, type IssuingKeys, type KeyDirectoryOptions, openIssuingKeys } from "@dimmer/feed/node";
import type { Signer } from "@dimmer/statement";
import type { Queries } from "../store/open-store.ts";
import { SIGNING_ROLES, type SigningRole, signingKid } from "./follow-keyset.ts";
import { type KeyStanding, readKeys } from "./key-states.ts";
import { keysAhead } from "./key-turn.ts";

const LOOK_EVERY_MS = 10_000;

/** A signer for each role that signs the feed. */
export type IssuingSigners = Pick<FeedSigners, SigningRole>;

/**
 * The private keys of this process, by their ids, and which of them sign: that the store says. Reads as the signers of a
 * feed, always those of now.
 */
export class SigningRing implements IssuingSigners {
  readonly #path: string;
  readonly #options: KeyDirectoryOptions;
  #held: ReadonlyMap<string, Signer>;
  #current: IssuingSigners;
  #lookedMs = Number.NEGATIVE_INFINITY;

  /** @param opened what the key directory `path` held when it was opened first */
  constructor(opened: IssuingKeys, path: string, options: KeyDirectoryOptions) {
    this.#path = path;
    this.#options = options;
    this.#held = heldOf(opened);
    this.#current = opened.signers;
  }

  get policy(): Signer {
    return this.#current.policy;
  }

  get locks(): Signer {
    return this.#current.locks;
  }

  get feed(): Signer {
    return this.#current.feed;
  }

  /** Whether the private key is here. Never throws. */
  has(kid: string): boolean {
    return this.#held.has(kid);
  }

  /**
   * Whether the private key is here, once the key directory has been looked at again where it was not: at once where a
   * file has its name, else every 10 s, as opening encrypted keys takes a while.
   *
   * @throws {DimmerError} `keys_unreadable` where the directory cannot be read as it is now
   */
  async find(kid: string): Promise<boolean> {
    if (this.has(kid)) return true;
    const isNamed = (await addedKeyNames(this.#path)).some((key) => key.kid === kid);
    if (!isNamed && performance.now() - this.#lookedMs < LOOK_EVERY_MS) return false;
    this.#lookedMs = performance.now();
    // A key that is there no longer stays usable until the process ends.
    this.#held = new Map([...this.#held, ...heldOf(await openIssuingKeys(this.#path, this.#options))]);
    return this.has(kid);
  }

  /**
   * The signers that keys of the store name, without using them yet.
   *
   * @throws {DimmerError} `keys_unreadable` where one of them is not in the key directory
   */
  async signersOf(keys: readonly KeyStanding[]): Promise<IssuingSigners> {
    const found = {} as Record<SigningRole, Signer>;
    for (const role of SIGNING_ROLES) {
      const kid = signingKid(keys, role);
      if (kid === undefined || !(await this.find(kid))) {
        throw new DimmerError(
          "keys_unreadable",
          `the ${role} key that signs, ${kid ?? "none"}, is in the key directory neither as ${role}.jwk nor as ${role}.${kid}.jwk: put it there, or replicas would refuse what is signed`,
        );
      }
      found[role] = this.#held.get(kid) as Signer;
    }
    return found;
  }

  /** Uses these signers from now on. */
  use(signers: IssuingSigners): void {
    this.#current = signers;
  }

  /**
   * Uses those that the store names. Where they are not here, but those are that sign once the keysets that wait are in
   * force, uses these: whoever has lost the former can put them in force by no other way.
   *
   * @throws {DimmerError} as `signersOf`
   */
  async take(queries: Queries): Promise<void> {
    const keys = await readKeys(queries);
    try {
      this.use(await this.signersOf(keys));
    } catch (error) {
      const ahead = await keysAhead(queries, keys);
      if (ahead === undefined) throw error;
      this.use(await this.signersOf(ahead));
    }
  }
}

function heldOf({ signers, added }: IssuingKeys): Map<string, Signer> {
  const all = [...SIGNING_ROLES.map((role) => signers[role]), ...added.map(({ signer }) => signer)];
  return new Map(all.map((signer) => [signer.kid, signer]));
}
