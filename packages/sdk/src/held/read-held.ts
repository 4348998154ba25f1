import { DimmerError, type Lock, type PolicyDocument } from "@dimmer/core";
import {
  compareHeads,
  compareVersions,
  formatVersion,
  type HeadPayload,
  lockFromWire,
  type TrustedKeys,
  type Version,
  verifyKeysetChainLean,
  verifyLean,
} from "@dimmer/statement/lean";

/** What a client without entitlements holds: the whole lock list, and the policy. Never changed. */
export interface Held {
  /** Version of the head. */
  readonly version: Version;
  readonly locksVersion: Version;
  readonly locks: ReadonlyMap<string, Lock>;
  readonly policy: PolicyDocument;
  readonly keys: TrustedKeys;
  /** Unix milliseconds. */
  readonly issuedMs: number;
  /** Unix milliseconds. */
  readonly freshUntilMs: number;
  /** By what the next head is compared. */
  readonly head: HeadPayload;
  readonly keysets: string;
}

/** What the next poll begins with. */
export interface HeadSeen {
  readonly token: string;
  readonly etag: string | undefined;
}

/**
 * Where heads, keysets and parts are read. It moves text and believes nothing; it refuses by itself only what is larger
 * than the bounds of its kind. Every method rejects with a `DimmerError`.
 */
export interface HeldReader {
  /** The newest head, or `"unchanged"` where it is the one that `etag` came with. */
  head(etag: string | undefined): Promise<{ readonly token: string; readonly etag: string | undefined } | "unchanged">;
  /** `{"keysets": [token, …]}`, oldest first. */
  keysets(): Promise<string>;
  /** The token that a digest names. */
  part(kind: "policy" | "locks", digest: string): Promise<string>;
}

/** Whom to believe, and where to read. */
export interface HeldOptions {
  readonly reader: HeldReader;
  readonly trust: readonly string[];
  readonly audience: string;
}

/**
 * Reads the newest head and with it the lock list and the policy, verifies all of it, and returns what is to be held
 * from now on: the same object where nothing changed. Nothing of what was held is changed by a failure, and no version
 * ever goes down (D3, F1). It does not read entitlements.
 *
 * @throws {DimmerError} `feed_unreachable`, or what verification throws: the update is then refused whole
 */
export async function readHeld(
  held: Held | undefined,
  options: HeldOptions,
  seen: HeadSeen | undefined,
): Promise<{ held: Held | undefined; seen: HeadSeen | undefined }> {
  const { reader } = options;
  const answer = await reader.head(seen?.etag);
  if (answer === "unchanged" || answer.token === seen?.token) return { held, seen };
  const { token, etag } = answer;
  const keysets = await readKeysets(held, options);
  const { payload: head } = await verifyLean("dimmer-head+jwt", token, keysets.keys);
  const newest = { token, etag };
  if (held !== undefined && !isNewer(head, held)) return { held, seen: newest };
  const [policy, locks] = await Promise.all([
    held?.head.policy === head.policy ? held.policy : readPolicy(reader, head, keysets.keys),
    held?.head.locks.digest === head.locks.digest ? held.locks : readLocks(reader, head, keysets.keys),
  ]);
  const { epoch, seq, iat, fresh_until } = head;
  const next: Held = {
    version: { epoch, seq },
    locksVersion: head.locks,
    locks,
    policy,
    ...keysets,
    issuedMs: iat * 1000,
    freshUntilMs: fresh_until * 1000,
    head,
  };
  return { held: next, seen: newest };
}

/** Whether a head is to be followed: passes over the same one and one signed before it. @throws {DimmerError} */
function isNewer(head: HeadPayload, held: Held): boolean {
  return compareHeads(head, held.head) === "newer" || head.iat > held.head.iat;
}

async function readKeysets(
  held: Held | undefined,
  { reader, trust, audience }: HeldOptions,
): Promise<Pick<Held, "keys" | "keysets">> {
  const keysets = await reader.keysets();
  if (held?.keysets === keysets) return { keys: held.keys, keysets };
  const keys = await verifyKeysetChainLean(tokensOf(keysets), {
    trust,
    audience,
    ...(held && { highestSeen: held.keys.version, highestSeenDigest: held.keys.digest }),
  });
  return { keys, keysets };
}

function tokensOf(text: string): string[] {
  try {
    const { keysets } = JSON.parse(text) as { keysets?: unknown };
    if (Array.isArray(keysets)) return keysets as string[];
  } catch {
    // What is no JSON is no list of keysets either.
  }
  throw new DimmerError("statement_malformed", 'keysets: must be {"keysets": [token, …]}');
}

async function readPolicy(reader: HeldReader, head: HeadPayload, keys: TrustedKeys): Promise<PolicyDocument> {
  const token = await reader.part("policy", head.policy);
  const { payload, digest } = await verifyLean("dimmer-policy+jwt", token, keys, { namedAt: head });
  checkDigest("policy", digest, head.policy);
  return payload.policy;
}

async function readLocks(reader: HeldReader, head: HeadPayload, keys: TrustedKeys): Promise<ReadonlyMap<string, Lock>> {
  const token = await reader.part("locks", head.locks.digest);
  const { payload, digest } = await verifyLean("dimmer-locks+jwt", token, keys);
  checkDigest("locks", digest, head.locks.digest);
  if (compareVersions(payload, head.locks) !== 0) {
    throw refused(`locks: have version ${formatVersion(payload)}, but the head names ${formatVersion(head.locks)}`);
  }
  return new Map(payload.locks.map((lock) => [lock.tenant, lockFromWire(lock)]));
}

function checkDigest(part: string, digest: string, named: string): void {
  if (digest !== named) throw refused(`${part}: has the digest ${digest}, but the head names ${named}`);
}

function refused(message: string): DimmerError {
  return new DimmerError("feed_refused", message);
}
