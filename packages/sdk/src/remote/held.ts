import { DimmerError, type Lock, type PolicyDocument } from "@dimmer/core";
import {
  compareVersions,
  formatVersion,
  type HeadPayload,
  lockFromWire,
  MAX_TOKEN_BYTES,
  type TrustedKeys,
  type Version,
  verifyKeysetChainLean,
  verifyLean,
} from "@dimmer/statement/lean";
import type { Answer, Transport } from "./transport.ts";

/** What a remote client holds itself: the whole lock list, and the policy for its names and fallbacks. Never changed. */
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

/** Whom to believe, and where to read. */
export interface HeldOptions {
  readonly transport: Transport;
  readonly trust: readonly string[];
  readonly audience: string;
}

const TIMEOUT_MS = 2_000;
const MAX_KEYSETS_BYTES = 4 * 1024 * 1024;

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
  const { transport } = options;
  const answer = await get(transport, "/v1/feed/head", MAX_TOKEN_BYTES["dimmer-head+jwt"], seen?.etag);
  if (answer.status === 304) return { held, seen };
  const token = answer.body.toString("latin1");
  if (token === seen?.token) return { held, seen };
  const keysets = await readKeysets(held, options);
  const { payload: head } = await verifyLean("dimmer-head+jwt", token, keysets.keys);
  const newest = { token, etag: etagOf(answer) };
  if (held !== undefined && !isNewer(head, held)) return { held, seen: newest };
  const [policy, locks] = await Promise.all([
    held?.head.policy === head.policy ? held.policy : readPolicy(transport, head, keysets.keys),
    held?.head.locks.digest === head.locks.digest ? held.locks : readLocks(transport, head, keysets.keys),
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

/** Whether a head is to be followed: refuses one that goes back, passes over the same one and one signed before it. */
function isNewer(head: HeadPayload, held: Held): boolean {
  if (compareVersions(head, held.version) < 0) {
    throw outdated(`head: has version ${formatVersion(head)}, but ${formatVersion(held.version)} is held`);
  }
  const order = compareVersions(head.locks, held.locksVersion);
  if (order < 0) {
    throw outdated(
      `head: names lock list ${formatVersion(head.locks)}, but ${formatVersion(held.locksVersion)} is held`,
    );
  }
  if (order === 0 && head.locks.digest !== held.head.locks.digest) {
    throw refused(`head: names another lock list ${formatVersion(head.locks)} than the one held`);
  }
  if (compareVersions(head, held.version) > 0) return true;
  if (head.policy !== held.head.policy) {
    throw refused(`head: has version ${formatVersion(head)}, which is held, but names another policy`);
  }
  return head.iat > held.head.iat;
}

async function readKeysets(
  held: Held | undefined,
  { transport, trust, audience }: HeldOptions,
): Promise<Pick<Held, "keys" | "keysets">> {
  const { body } = await get(transport, "/v1/feed/keysets", MAX_KEYSETS_BYTES);
  const keysets = body.toString();
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

async function readPolicy(transport: Transport, head: HeadPayload, keys: TrustedKeys): Promise<PolicyDocument> {
  const token = await getPart(transport, "policy", head.policy);
  const { payload, digest } = await verifyLean("dimmer-policy+jwt", token, keys, { namedAt: head });
  checkDigest("policy", digest, head.policy);
  return payload.policy;
}

async function readLocks(
  transport: Transport,
  head: HeadPayload,
  keys: TrustedKeys,
): Promise<ReadonlyMap<string, Lock>> {
  const token = await getPart(transport, "locks", head.locks.digest);
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

async function getPart(transport: Transport, kind: "policy" | "locks", digest: string): Promise<string> {
  const { body } = await get(transport, `/v1/feed/${kind}/${digest}`, MAX_TOKEN_BYTES[`dimmer-${kind}+jwt`]);
  return body.toString("latin1");
}

async function get(transport: Transport, path: string, maxBytes: number, etag?: string): Promise<Answer> {
  const headers = etag === undefined ? {} : { "if-none-match": etag };
  const answer = await transport.request({ method: "GET", path, headers, timeoutMs: TIMEOUT_MS, maxBytes });
  if (answer.status === 200 || (answer.status === 304 && etag !== undefined)) return answer;
  throw new DimmerError("feed_unreachable", `sidecar: ${path} answered ${answer.status}`, { retryable: true });
}

function etagOf({ headers }: Answer): string | undefined {
  const etag = headers["etag"];
  return typeof etag === "string" ? etag : undefined;
}

function refused(message: string): DimmerError {
  return new DimmerError("feed_refused", message);
}

function outdated(message: string): DimmerError {
  return new DimmerError("statement_outdated", message);
}
