import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { FeedPart } from "./proxy/feed-server.ts";
import type { Random } from "./random.ts";

/** What a poisoned feed serves in place of the honest bytes of a part. */
export interface Poison {
  readonly name: string;
  readonly part: FeedPart;
  readonly make: (bytes: Buffer) => Buffer;
}

const PARTS: readonly FeedPart[] = ["head", "keysets", "index", "policy", "locks", "chunks"];

/** Damage that needs no key: of each kind for each part, at places that chance chooses. */
export function blindPoisons(random: Random): Poison[] {
  return PARTS.flatMap((part): Poison[] => [
    { name: `bit flip in ${part}`, part, make: (bytes) => flipped(bytes, random) },
    {
      name: `truncated ${part}`,
      part,
      make: (bytes) => bytes.subarray(0, random.int(0, Math.max(0, bytes.length - 1))),
    },
    { name: `bytes after ${part}`, part, make: (bytes) => Buffer.concat([bytes, bytes.subarray(0, 40)]) },
    { name: `empty ${part}`, part, make: () => Buffer.alloc(0) },
    { name: `zeroes in ${part}`, part, make: (bytes) => zeroed(bytes, random) },
    { name: `${part} of 8 MB`, part, make: () => Buffer.alloc(8 << 20, "A") },
  ]);
}

/** Whole feeds of others, served part by part under the names of the honest one: another root, another audience. */
export function foreignPoisons(foreign: { readonly name: string; readonly directory: string }): Poison[] {
  const head = readFileSync(join(foreign.directory, "head.jws"));
  const keysets = Buffer.from(
    JSON.stringify({ keysets: [readFileSync(join(foreign.directory, "keysets", "000001.jws"), "utf8")] }),
  );
  return [
    { name: `head of ${foreign.name}`, part: "head", make: () => head },
    { name: `keysets of ${foreign.name}`, part: "keysets", make: () => keysets },
  ];
}

/** A statement in the place of another: rightly signed, and not what was asked for. */
export function misplacedPoisons(
  honest: () => Readonly<Record<"index" | "policy" | "locks" | "head", Buffer>>,
): Poison[] {
  return [
    { name: "the index as head", part: "head", make: () => honest().index },
    { name: "the policy as lock list", part: "locks", make: () => honest().policy },
    { name: "the lock list as policy", part: "policy", make: () => honest().locks },
    { name: "the head as index", part: "index", make: () => honest().head },
    { name: "alg none", part: "head", make: (bytes) => unsigned(bytes) },
  ];
}

function flipped(bytes: Buffer, random: Random): Buffer {
  if (bytes.length === 0) return Buffer.from([1]);
  const made = Buffer.from(bytes);
  const at = random.int(0, bytes.length - 1);
  made[at] = (made[at] ?? 0) ^ (1 << random.int(0, 7));
  return made;
}

function zeroed(bytes: Buffer, random: Random): Buffer {
  const made = Buffer.from(bytes);
  const at = random.int(0, Math.max(0, bytes.length - 16));
  made.fill(0, at, Math.min(made.length, at + 16));
  return bytes.length === 0 ? Buffer.alloc(1) : made;
}

function unsigned(token: Buffer): Buffer {
  const [header = "", payload = ""] = token.toString().split(".");
  const says = JSON.parse(Buffer.from(header, "base64url").toString()) as Record<string, unknown>;
  const none = Buffer.from(JSON.stringify({ ...says, alg: "none" })).toString("base64url");
  return Buffer.from(`${none}.${payload}.`);
}
