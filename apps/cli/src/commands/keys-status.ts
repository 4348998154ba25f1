import type { Command } from "commander";
import { columns } from "../answer.ts";
import { addAuthorityCommand, asking, reasonOf } from "../authority/authority-command.ts";
import type { AuthorityOptions } from "../authority/choose-authority.ts";
import { addCommand, answering } from "../command.ts";
import { addPassphraseOption, DEFAULT_KEYS, type PassphraseOption, passphraseOf } from "../keys.ts";
import { readKeysetsFile } from "../keyset-target.ts";

interface ShownKey {
  readonly kid: string;
  readonly role: string;
  readonly state: string;
  readonly since: string;
  readonly signsFrom: string | null;
  readonly lastSigned: string | null;
  readonly lastGood: string | null;
}

/** `dimmer keys status`: the keys of an authority, and where each stands. */
export function addKeysStatus(parent: Command): void {
  const command = addAuthorityCommand(parent, {
    usage: "status",
    summary: "show the keys of an authority: announced, signing, retiring, retired, revoked",
    examples: [["keys status", "of the authority of dimmer dev"]],
  });
  command.action(
    asking(async (client) => {
      const status = await client.get("/v1/keys");
      const rows = (status["items"] as ShownKey[]).map(
        ({ kid, role, state, since, signsFrom, lastSigned, lastGood }) => {
          const notes = [
            signsFrom === null ? "" : `signs from ${signsFrom}`,
            lastGood !== null ? `good up to ${lastGood}` : lastSigned === null ? "" : `signed up to ${lastSigned}`,
          ];
          return [kid, role, state, since, notes.filter((text) => text !== "").join(", ")];
        },
      );
      const waiting = status["waiting"] as number[];
      const more = waiting.length === 0 ? "" : `\nkeysets that wait: ${waiting.join(", ")}`;
      return {
        text: `trust ${String(status["trust"])}, keyset ${String(status["keyset"])}\n${columns(rows)}${more}`,
        json: status,
      };
    }),
  );
}

/** `dimmer keys publish`: sends keysets that were signed where the root key is kept. */
export function addKeysPublish(parent: Command): void {
  const command = addAuthorityCommand(parent, {
    usage: "publish <file>",
    summary: "send keysets to an authority that were signed with --keysets and --out",
    examples: [["keys publish next.json --authority https://authority.example.com", "with DIMMER_API_KEY set"]],
  }).option("--reason <text>", "why, for the ledger");
  command.action(
    asking<[string], AuthorityOptions & { reason?: string }>(async (client, { arguments: [file], options }) => {
      const keysets = readKeysetsFile(file, "keysets");
      const reason = reasonOf(options, command);
      const { version, body } = await client.write("POST", "/v1/keysets", { reason, body: { keysets } });
      const text = version === undefined ? "taken, and not in force yet" : `in force with version ${version}`;
      return { text, json: { keysets: body["keysets"], version: version ?? null } };
    }),
  );
}

/** `dimmer keys use`: has a key that was announced sign the next builds of a feed directory. */
export function addKeysUse(parent: Command): void {
  const command = addCommand(parent, {
    usage: "use <kid>",
    summary: "have a key of the key directory sign from the next `dimmer feed build` on",
    details:
      "ROLE.KID.jwk takes the place of ROLE.jwk, which keeps its kid as its name. An authority needs no such step: its " +
      "store says which key signs.",
    examples: [
      ["keys use 3fK0nQx8uXv1aB2c --keys .dimmer/keys", "after every replica has had time to read the keyset"],
    ],
  }).option("--keys <dir>", "key directory", DEFAULT_KEYS);
  addPassphraseOption(command).action(
    answering(async (kid: string, options: PassphraseOption & { keys: string }) => {
      const { useKey } = await import("@dimmer/feed/node");
      const passphrase = passphraseOf(options);
      const { role, file } = await useKey(options.keys, kid, passphrase === undefined ? {} : { passphrase });
      return { text: `${kid} signs as ${role} from the next build on (${file})`, json: { kid, role, file } };
    }),
  );
}
