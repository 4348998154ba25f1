import { resolve } from "node:path";
import type { Command } from "commander";
import { note } from "../answer.ts";
import { addCommand, answering } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { addPassphraseOption, type PassphraseOption, passphraseOf } from "../keys.ts";

interface Options extends PassphraseOption {
  readonly newPassphraseFile: string;
}

/** `dimmer keys passphrase`: the same keys in a new directory, under another passphrase. */
export function addKeysPassphrase(parent: Command): void {
  const command = addCommand(parent, {
    usage: "passphrase <dir> <new-dir>",
    summary: "copy a key directory into a new one under another passphrase",
    details:
      "The keys stay the same, and so does DIR: start the authority with --keys NEW-DIR and the new passphrase, then " +
      "remove DIR. A copy of DIR that somebody has still opens with the old passphrase: where that may be, rotate the keys.",
    examples: [
      ["keys passphrase keys keys-new --passphrase-file old.txt --new-passphrase-file new.txt", "another passphrase"],
    ],
  }).requiredOption("--new-passphrase-file <file>", "file with the passphrase of the copy");
  addPassphraseOption(command).action(
    answering(async (dir: string, newDir: string, options: Options) => {
      const newPassphrase = passphraseOf({ passphraseFile: options.newPassphraseFile });
      if (newPassphrase === undefined) throw usageFailure("--new-passphrase-file: is missing");
      const passphrase = passphraseOf(options);
      const { copyKeys } = await import("@dimmer/feed/node");
      const names = await copyKeys(dir, newDir, {
        newPassphrase,
        onWarning: (warning) => note(`dimmer: warning: ${warning}`),
        ...(passphrase === undefined ? {} : { passphrase }),
      });
      const text = `${names.join(", ")}\nin ${newDir} under the new passphrase; ${dir} is as it was`;
      return { text, json: { dir: resolve(newDir), keys: names } };
    }),
  );
}
