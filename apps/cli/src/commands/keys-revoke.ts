import type { Version } from "@dimmer/statement";
import type { Command } from "commander";
import type { Answer } from "../answer.ts";
import { addCommand, answering } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { passphraseOf } from "../keys.ts";
import { addKeysetOptions, type KeysetOptions, type KeysetTarget, openRoot, openTarget } from "../keyset-target.ts";

interface Options extends KeysetOptions {
  readonly lastGood?: string;
}

/** `dimmer keys revoke`: what a key signed after its last good version is refused from now on. */
export function addKeysRevoke(parent: Command): void {
  const command = addCommand(parent, {
    usage: "revoke <kid>",
    summary: "revoke a key that may be in other hands, by the last version that it signed well",
    details:
      "What the key signed after that version is refused everywhere; earlier state stays. Where it is the one that signs, a " +
      "new key is made and named in the same keyset, and the authority signs policy, locks, list and head anew in the same " +
      "version. The root key is not revoked but rotated.",
    examples: [
      ["keys revoke 3fK0nQx8uXv1aB2c --last-good 1.1042 --root /media/usb/root.jwk", "at the authority of dimmer dev"],
      ["keys revoke 3fK0nQx8uXv1aB2c --last-good 1.1042 --keysets keysets.json --out next.json", "without a network"],
    ],
  }).requiredOption("--last-good <epoch.seq>", "last version that it is believed for");
  addKeysetOptions(command).action(answering(revoke));
}

/** `dimmer keys retire`: ends a key that another one has replaced. */
export function addKeysRetire(parent: Command): void {
  const command = addCommand(parent, {
    usage: "retire <kid>",
    summary: "retire a key that another one has replaced",
    details:
      "Like a revocation whose last good version is the last one that the key signed: the authority says which that was. " +
      "For a feed directory give --last-good, the version of the last build that it signed.",
    examples: [["keys retire 3fK0nQx8uXv1aB2c --root /media/usb/root.jwk", "at the authority of dimmer dev"]],
  }).option("--last-good <epoch.seq>", "last version that it signed (default: what the authority says)");
  addKeysetOptions(command).action(answering(retire));
}

async function revoke(kid: string, options: Options): Promise<Answer> {
  const target = await openTarget(options);
  const lastGood = await versionOf(options.lastGood ?? "");
  return await end(target, { kid, lastGood, options, isReplaced: false });
}

async function retire(kid: string, options: Options): Promise<Answer> {
  const target = await openTarget(options);
  const key = shownKey(target, kid);
  if (target.status !== undefined && key?.state !== "retiring") {
    throw usageFailure(`${kid} is ${key?.state ?? "no key of the feed"}: only a key that was replaced is retired`);
  }
  const text = options.lastGood ?? key?.lastSigned;
  if (text === undefined || text === null) throw usageFailure("--last-good: say the last version that it signed");
  return await end(target, { kid, lastGood: await versionOf(text), options, isReplaced: true });
}

async function end(
  target: KeysetTarget,
  { kid, lastGood, options, isReplaced }: { kid: string; lastGood: Version; options: Options; isReplaced: boolean },
): Promise<Answer> {
  const { newest } = target;
  const listed = newest.keys.find((key) => key.kid === kid);
  if (listed === undefined) throw usageFailure(`${kid} is no key of keyset ${newest.version}`);
  if (listed.role === "root") throw usageFailure(`${kid} is the root key: dimmer keys rotate root`);
  const { role } = listed;
  const root = await openRoot(options);
  const isLast = !newest.keys.some(
    (key) => key.role === role && key.kid !== kid && !newest.revocations.some((revoked) => revoked.kid === key.kid),
  );
  const isSigning = shownKey(target, kid)?.state === "signing";
  const isNew = !isReplaced && (isLast || (isSigning && !isAnnounced(target, role)));
  const { addKey, removeKey } = await import("@dimmer/feed/node");
  const { keysetKeyOf, signNextKeyset } = await import("@dimmer/feed/build");
  const passphrase = passphraseOf(options);
  const made = isNew ? await addKey(options.keys, role, passphrase === undefined ? {} : { passphrase }) : undefined;
  const add = made === undefined ? [] : [keysetKeyOf(role, made.signer)];
  const change = { add, revocations: [{ kid, lastGood }] };
  const token = await signNextKeyset(newest, change, root).catch(async (cause: unknown) => {
    if (made !== undefined) await removeKey(made);
    throw cause;
  });
  // From here on the new key stays, whatever is answered: it may sign already.
  const { text, version } = await target.publish([token]);
  const word = isReplaced ? "retired" : "revoked";
  const next = made === undefined ? "" : `\n${made.signer.kid} signs in its place: ${made.file}`;
  const good = `${lastGood.epoch}.${lastGood.seq}`;
  return {
    text: `${kid} is ${word} after version ${good}, ${text}${next}`,
    json: { kid, role, lastGood: good, version: version ?? null, replacement: made?.signer.kid ?? null },
  };
}

interface ShownKey {
  readonly kid: string;
  readonly role: string;
  readonly state: string;
  readonly lastSigned: string | null;
}

function shownKey({ status }: KeysetTarget, kid: string): ShownKey | undefined {
  return ((status?.["items"] ?? []) as ShownKey[]).find((key) => key.kid === kid);
}

function isAnnounced({ status }: KeysetTarget, role: string): boolean {
  return ((status?.["items"] ?? []) as ShownKey[]).some((key) => key.role === role && key.state === "announced");
}

async function versionOf(text: string): Promise<Version> {
  const { parseVersion } = await import("@dimmer/statement");
  const version = parseVersion(text);
  if (version === undefined)
    throw usageFailure(`--last-good ${JSON.stringify(text)}: must be a version such as 1.1042`);
  return version;
}
