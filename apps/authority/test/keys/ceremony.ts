import { keysetKeyOf, signNextKeyset, signRootChange } from "@dimmer/feed/build";
import { type AddedRole, addKey, openIssuingKeys, openKeyDirectory } from "@dimmer/feed/node";
import { inspectStatement, type KeysetPayload, type Signer, type Version } from "@dimmer/statement";
import type { Answer, RunningAuthority } from "../support/running-authority.ts";

/** A key as `/v1/keys` shows it. */
export interface ShownKey {
  readonly kid: string;
  readonly role: string;
  readonly state: string;
  readonly lastSigned: string | null;
  readonly lastGood: string | null;
}

/** What a person does with the root key at hand: signs keysets for a running authority and sends them. */
export class Ceremony {
  readonly #authority: RunningAuthority;
  readonly keysDir: string;
  root: Signer;

  constructor(authority: RunningAuthority, keysDir: string, root: Signer) {
    this.#authority = authority;
    this.keysDir = keysDir;
    this.root = root;
  }

  static async of(authority: RunningAuthority, keysDir = `${authority.folder}/keys`): Promise<Ceremony> {
    return new Ceremony(authority, keysDir, (await openKeyDirectory(keysDir)).signers.root);
  }

  async keysets(): Promise<string[]> {
    return (await this.#authority.ask("GET", "/v1/keysets")).json()["keysets"] as string[];
  }

  async newest(): Promise<KeysetPayload> {
    return inspectStatement((await this.keysets()).at(-1) as string).payload as KeysetPayload;
  }

  async keys(): Promise<ShownKey[]> {
    return (await this.#authority.ask("GET", "/v1/keys")).json()["items"] as ShownKey[];
  }

  /** The kid of the key of a role in a state. */
  async kidOf(role: string, state: string): Promise<string | undefined> {
    return (await this.keys()).find((key) => key.role === role && key.state === state)?.kid;
  }

  async send(...keysets: string[]): Promise<Answer> {
    return await this.#authority.ask("POST", "/v1/keysets", { body: { keysets } });
  }

  /** Makes a key in the key directory and announces it. */
  async announce(role: Exclude<AddedRole, "root">): Promise<{ kid: string; answer: Answer }> {
    const { signer } = await addKey(this.keysDir, role);
    const change = { add: [keysetKeyOf(role, signer)] };
    return { kid: signer.kid, answer: await this.send(await signNextKeyset(await this.newest(), change, this.root)) };
  }

  /** Revokes a key; with a new one in its place in the same keyset where one is to be made. */
  async revoke(kid: string, lastGood: Version, replacement?: Exclude<AddedRole, "root">): Promise<Answer> {
    const added = replacement === undefined ? undefined : await addKey(this.keysDir, replacement);
    const add = added === undefined ? [] : [keysetKeyOf(replacement as "feed", added.signer)];
    const change = { add, revocations: [{ kid, lastGood }] };
    return await this.send(await signNextKeyset(await this.newest(), change, this.root));
  }

  /** Changes the root by two keysets. */
  async changeRoot(): Promise<Answer> {
    const { signer } = await addKey(this.keysDir, "root");
    const answer = await this.send(
      ...(await signRootChange(await this.newest(), { root: this.root, newRoot: signer })),
    );
    if (answer.status === 200) this.root = signer;
    return answer;
  }

  /** The private half of a key of the directory, as a thief has it. */
  async stolen(kid: string): Promise<Signer> {
    const { signers, added } = await openIssuingKeys(this.keysDir);
    const all = [signers.policy, signers.locks, signers.feed, ...added.map(({ signer }) => signer)];
    return all.find((signer) => signer.kid === kid) as Signer;
  }
}
