import { resolve } from "node:path";
import type { Command } from "commander";
import { addCommand, answering } from "../command.ts";
import { usageFailure } from "../failure.ts";
import {
  addPassphraseOption,
  createKeys,
  DEFAULT_KEYS,
  type OfflineRoot,
  type PassphraseOption,
  passphraseOf,
} from "../keys.ts";

interface Options extends PassphraseOption {
  readonly root?: string;
  readonly rootPassphraseFile?: string;
  readonly audience: string;
  readonly issuer: string;
}

/** `dimmer keys init`: makes the four keys that sign a feed. */
export function addKeysInit(parent: Command): void {
  const command = addCommand(parent, {
    usage: "init [dir]",
    summary: "make the keys that sign a feed, and print the trust string",
    details:
      `Writes root.jwk, policy.jwk, locks.jwk and feed.jwk (mode 0600) into DIR, ${DEFAULT_KEYS} unless given, encrypted ` +
      "where there is a passphrase. Keys that are there already are never overwritten. The trust string is what a " +
      "sidecar or an SDK is started with. With --root the root key lies in that file alone, under its passphrase: take it " +
      "offline. The directory then has the first keyset signed, and an authority starts without ever seeing the root key.",
    examples: [
      ["keys init", `into ${DEFAULT_KEYS}, in the clear: for development`],
      ["keys init /etc/dimmer/keys --passphrase-file pass.txt", "encrypted"],
      [
        "keys init keys --root /media/usb/root.jwk --root-passphrase-file root.txt --audience production",
        "with the root key offline from the beginning",
      ],
    ],
  });
  command
    .option("--root <file>", "new file for the root key, outside the directory; its passphrase is required")
    .option("--root-passphrase-file <file>", "file with the passphrase of the root key (default: that of the others)")
    .option("--audience <name>", "with --root: audience of the first keyset", "development")
    .option("--issuer <name>", "with --root: issuer of the first keyset", "dimmer");
  addPassphraseOption(command).action(
    answering(async (dir: string | undefined, options: Options) => {
      const path = dir ?? DEFAULT_KEYS;
      const { trust } = await createKeys(path, options, offlineOf(options));
      const isEncrypted = passphraseOf(options) !== undefined;
      const clear = isEncrypted ? "" : "\nNot encrypted: give a passphrase for keys that matter.";
      return { text: `${trust}\nkeys in ${path}${clear}`, json: { trust, dir: resolve(path), isEncrypted } };
    }),
  );
}

function offlineOf(options: Options): OfflineRoot | undefined {
  const { root: rootFile, rootPassphraseFile, audience: aud, issuer: iss } = options;
  if (rootFile === undefined) return undefined;
  const rootPassphrase = passphraseOf(
    rootPassphraseFile === undefined ? options : { passphraseFile: rootPassphraseFile },
  );
  if (rootPassphrase === undefined) {
    throw usageFailure("--root: give a passphrase (--root-passphrase-file); the root key is kept under one");
  }
  return { rootFile, rootPassphrase, iss, aud };
}
