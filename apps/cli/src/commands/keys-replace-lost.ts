import { resolve } from "node:path";
import type { FeedKeysets } from "@dimmer/authority";
import type { Version } from "@dimmer/statement";
import type { Command } from "commander";
import type { Answer } from "../answer.ts";
import { storeOf } from "../authority-store.ts";
import { addCommand, answering } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { feedSource } from "../feed-choice.ts";
import { addPassphraseOption, type PassphraseOption, passphraseOf } from "../keys.ts";
import { openRoot } from "../keyset-target.ts";

interface Options extends PassphraseOption {
  readonly store?: string;
  readonly feed?: string;
  readonly root: string;
  readonly rootPassphraseFile?: string;
  readonly lastGood?: string;
}

/** `dimmer keys replace-lost`: new online keys by the root key, where every copy of the old ones is gone. */
export function addKeysReplaceLost(parent: Command): void {
  const command = addCommand(parent, {
    usage: "replace-lost <dir>",
    summary: "make new feed, locks and policy keys by the root key, where every copy of the old ones is lost",
    details:
      "Writes a new key directory DIR: three new keys, the keysets of the feed, and one more that names the new keys and " +
      "believes the old ones no further than the last version that was signed. Start the authority with --keys DIR: it puts " +
      "the keyset in force and signs everything anew; replicas follow, and nobody pins anything new. Where an authority " +
      "still runs, its keys are not lost: rotate them. The keysets are read from the store, or from a feed that was " +
      "published where the store is gone too.",
    examples: [
      ["keys replace-lost keys-new --store sqlite:authority.db --root /media/usb/root.jwk", "the store is there"],
      ["keys replace-lost keys-new --feed https://feed.example.com --root /media/usb/root.jwk", "from a sidecar"],
    ],
  })
    .option("--store <url>", "sqlite:PATH or postgres://… (or DIMMER_STORE)")
    .option("--feed <feed>", "a feed that was published instead: DIR, http(s)://… or unix:/…")
    .requiredOption("--root <file>", "file of the root key")
    .option("--root-passphrase-file <file>", "file with the passphrase of the root key, where it has one of its own")
    .option(
      "--last-good <epoch.seq>",
      "last version that the old keys are believed for (default: the last one signed)",
    );
  addPassphraseOption(command).action(answering(replaceLost));
}

async function replaceLost(dir: string, options: Options): Promise<Answer> {
  const { keysets, version } = await keysetsOf(options);
  const lastGood = options.lastGood === undefined ? version : await versionOf(options.lastGood, version);
  const root = await openRoot({ ...options, keys: dir });
  const { replaceKeys } = await import("@dimmer/feed/node");
  const passphrase = passphraseOf(options);
  const { keyset, keys, replaced } = await replaceKeys(dir, {
    keysets,
    root,
    lastGood,
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  const good = `${lastGood.epoch}.${lastGood.seq}`;
  const lines = [
    ...keys.map(({ kid, role }) => `${role} ${kid}`),
    `keys and keyset ${keyset} in ${dir}; ${replaced.join(", ")} are believed up to version ${good}`,
    `start the authority with --keys ${dir}; copy it to every other one first`,
    ...(passphrase === undefined ? ["Not encrypted: give a passphrase for keys that matter."] : []),
  ];
  return { text: lines.join("\n"), json: { dir: resolve(dir), keyset, keys, replaced, lastGood: good } };
}

async function keysetsOf({ store, feed }: Options): Promise<FeedKeysets> {
  const { keysetsOfFeed, keysetsOfStore } = await import("@dimmer/authority");
  if (feed === undefined) return await keysetsOfStore(storeOf(store));
  if (store !== undefined) throw usageFailure("--store and --feed: give one of them");
  const source = await feedSource(feed);
  try {
    return await keysetsOfFeed(source);
  } finally {
    await source.close?.();
  }
}

async function versionOf(text: string, signed: Version): Promise<Version> {
  const { compareVersions, parseVersion } = await import("@dimmer/statement");
  const version = parseVersion(text);
  if (version === undefined) {
    throw usageFailure(`--last-good ${JSON.stringify(text)}: must be a version such as 1.1042`);
  }
  if (compareVersions(version, signed) <= 0) return version;
  throw usageFailure(`--last-good ${text}: lies ahead of the feed, which is at ${signed.epoch}.${signed.seq}`);
}
