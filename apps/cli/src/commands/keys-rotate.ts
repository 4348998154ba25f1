import type { Command } from "commander";
import type { Answer } from "../answer.ts";
import { addCommand, answering } from "../command.ts";
import { usageFailure } from "../failure.ts";
import { passphraseOf } from "../keys.ts";
import { addKeysetOptions, type KeysetOptions, openRoot, openTarget } from "../keyset-target.ts";

const ROLES = ["feed", "locks", "policy", "root"] as const;

/** `dimmer keys rotate`: makes a new key and announces it in a keyset that the root key signs. */
export function addKeysRotate(parent: Command): void {
  const command = addCommand(parent, {
    usage: "rotate <role>",
    summary: "make a new feed, locks, policy or root key, and announce it",
    details:
      "The new key lies in the key directory as ROLE.KID.jwk. An authority signs with it once its overlap is over " +
      "(--key-overlap-ms, ten minutes unless set); a feed directory when `dimmer keys use` says so. The old key then waits " +
      "for `dimmer keys retire`. A new root takes two keysets, signed here at once: who pins the old root goes on, and " +
      "who is new pins the new one.",
    examples: [
      ["keys rotate feed --root /media/usb/root.jwk --authority https://authority.example.com", "at an authority"],
      ["keys rotate locks --feed feed", "for a feed directory"],
      ["keys rotate root --root old.jwk --keysets keysets.json --out next.json", "where there is no network"],
    ],
  });
  addKeysetOptions(command).action(answering(rotate));
}

async function rotate(word: string, options: KeysetOptions): Promise<Answer> {
  const role = ROLES.find((candidate) => candidate === word);
  if (role === undefined) throw usageFailure(`role ${JSON.stringify(word)}: must be feed, locks, policy or root`);
  const target = await openTarget(options);
  const root = await openRoot(options);
  refuseSecond(target.status, role);
  const { addKey, removeKey } = await import("@dimmer/feed/node");
  const { keysetKeyOf, signNextKeyset, signRootChange } = await import("@dimmer/feed/build");
  const own = role === "root" && options.rootPassphraseFile !== undefined;
  const passphrase = passphraseOf(own ? { passphraseFile: options.rootPassphraseFile as string } : options);
  const key = await addKey(options.keys, role, passphrase === undefined ? {} : { passphrase });
  const { signer, file } = key;
  const signed = async (): Promise<readonly string[]> =>
    role === "root"
      ? await signRootChange(target.newest, { root, newRoot: signer })
      : [await signNextKeyset(target.newest, { add: [keysetKeyOf(role, signer)] }, root)];
  const added = await signed().catch(async (cause: unknown) => {
    await removeKey(key);
    throw cause;
  });
  // From here on the key stays, whatever is answered: it may have been announced all the same.
  const published = await target.publish(added);
  const trust = role === "root" ? await trustOf(signer) : undefined;
  const next =
    trust === undefined
      ? nextStep(options, signer.kid, role)
      : `new replicas pin ${trust}; keep the old root key until none pins it`;
  return {
    text: `${signer.kid}\n${file}\n${published.text}\n${next}`,
    json: {
      kid: signer.kid,
      role,
      file,
      version: published.version ?? null,
      ...(trust === undefined ? {} : { trust }),
    },
  };
}

async function trustOf(signer: Parameters<typeof import("@dimmer/feed/build").keysetKeyOf>[1]): Promise<string> {
  const { trustStringOf } = await import("@dimmer/statement/keys");
  return await trustStringOf(signer.publicKey);
}

function nextStep({ feed }: KeysetOptions, kid: string, role: string): string {
  if (feed !== undefined) return `when every replica has had time to read it: dimmer keys use ${kid}, then build`;
  return `it signs once the overlap is over; then: dimmer keys retire KID, the ${role} key before`;
}

/** Two that are announced would leave it open which one signs. */
function refuseSecond(status: Readonly<Record<string, unknown>> | undefined, role: string): void {
  const items = (status?.["items"] ?? []) as { role: string; state: string; kid: string }[];
  const announced = items.find((key) => key.role === role && key.state === "announced");
  if (announced === undefined) return;
  throw usageFailure(`the ${role} key ${announced.kid} is announced already: wait until it signs, or revoke it`);
}
