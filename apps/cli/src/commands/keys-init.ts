import { resolve } from "node:path";
import type { Command } from "commander";
import { addCommand, answering } from "../command.ts";
import { addPassphraseOption, createKeys, DEFAULT_KEYS, type PassphraseOption, passphraseOf } from "../keys.ts";

/** `dimmer keys init`: makes the four keys that sign a feed. */
export function addKeysInit(parent: Command): void {
  const command = addCommand(parent, {
    usage: "init [dir]",
    summary: "make the keys that sign a feed, and print the trust string",
    details:
      `Writes root.jwk, policy.jwk, locks.jwk and feed.jwk (mode 0600) into DIR, ${DEFAULT_KEYS} unless given, encrypted ` +
      "where there is a passphrase. Keys that are there already are never overwritten. The trust string is what a " +
      "sidecar or an SDK is started with.",
    examples: [
      ["keys init", `into ${DEFAULT_KEYS}, in the clear: for development`],
      ["keys init /etc/dimmer/keys --passphrase-file pass.txt", "encrypted"],
    ],
  });
  addPassphraseOption(command).action(
    answering(async (dir: string | undefined, options: PassphraseOption) => {
      const path = dir ?? DEFAULT_KEYS;
      const { trust } = await createKeys(path, options);
      const isEncrypted = passphraseOf(options) !== undefined;
      const clear = isEncrypted ? "" : "\nNot encrypted: give a passphrase for keys that matter.";
      return { text: `${trust}\nkeys in ${path}${clear}`, json: { trust, dir: resolve(path), isEncrypted } };
    }),
  );
}
