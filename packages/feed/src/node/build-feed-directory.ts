import { compileLinted, DimmerError, type PolicyDocument } from "@dimmer/core";
import { standardPolicy } from "@dimmer/core/standard-policy";
import type { Version } from "@dimmer/statement";
import {
  type BuildInput,
  type BuildProgress,
  buildFeed,
  type FeedCounts,
  type PreviousFeed,
} from "../build/build-feed.ts";
import { signTokenFromFeed } from "../build/entitlement-token.ts";
import { readPreviousFeed } from "../build/generation.ts";
import { lockDirectory } from "./directory-lock.ts";
import { directorySource } from "./directory-source.ts";
import { diskFailure } from "./disk-failure.ts";
import { openFeedDirectory, readHeadToken } from "./feed-directory.ts";
import { type KeyDirectory, openKeyDirectory } from "./key-directory.ts";
import { readPolicyFile } from "./read-policy-file.ts";
import { readTenantsFile } from "./read-tenants-file.ts";
import { writeFeedDirectory } from "./write-feed-directory.ts";

/** What the two ways to build a feed directory have in common. */
interface BuildDirectoryOptions {
  readonly outDir: string;
  /** The audience, such as `development`. */
  readonly audience: string;
  /** Who issues the feed. Default `dimmer`. */
  readonly issuer?: string;
  /** Milliseconds that the head is fresh. Default 30 days: a directory has nobody who signs it anew every few seconds. */
  readonly freshForMs?: number;
  /** Unix milliseconds, cut to the second. */
  readonly nowMs: number;
  /** Milliseconds to wait for another build into the same directory. Default 10,000. */
  readonly lockWaitMs?: number;
  /** Starts the next epoch. Default `false`. */
  readonly raiseEpoch?: boolean;
  /** Builds what replicas refuse or put in quarantine as well: for tests. Default `false`. */
  readonly allowInvalid?: boolean;
  readonly onProgress?: (progress: BuildProgress) => void;
}

/** Options of `buildFeedDirectory`. */
export interface BuildFromFilesOptions extends BuildDirectoryOptions {
  readonly tenantsFile: string;
  /** What `now` means in the tenants file, Unix milliseconds. Default `nowMs`. */
  readonly instantsFromMs?: number;
  /** Default: the standard policy. */
  readonly policyFile?: string;
  readonly keysDir: string;
  readonly passphrase?: string;
}

/** Options of `publishFeed`. */
export interface PublishFeedOptions
  extends BuildDirectoryOptions,
    Pick<BuildInput, "entitlements" | "locks" | "revocations"> {
  /** Default: the standard policy. */
  readonly policy?: PolicyDocument;
  readonly keys: Pick<KeyDirectory, "signers" | "trust">;
}

/** What a build has made. */
export interface BuiltDirectory {
  /** What replicas pin: `SHA256:` + thumbprint of the root key. */
  readonly trust: string;
  readonly version: Version;
  readonly counts: FeedCounts;
  /** Whether anything but the head's times is new. */
  readonly changed: boolean;
  /** Files written and removed. */
  readonly files: { readonly written: number; readonly removed: number };
  /** What a person should know, one sentence each. */
  readonly warnings: readonly string[];
}

const DEFAULT_FRESH_MS = 30 * 86_400_000;
const DEFAULT_LOCK_WAIT_MS = 10_000;

/**
 * Builds a feed directory from a tenants file, a policy file and a key directory: what `dimmer feed build` does. Where
 * the directory holds a feed of these keys, the new one follows it (version, tombstones); where anything is at fault,
 * nothing in the directory changes. Byte for byte the same for the same files, `nowMs` and directory before.
 *
 * @throws {DimmerError} `input_invalid` naming file, line and field; `policy_invalid`; `keys_unreadable`; `feed_refused`
 *   where the directory holds a feed that does not verify; `disk_failed`
 */
export async function buildFeedDirectory(options: BuildFromFilesOptions): Promise<BuiltDirectory> {
  const { tenantsFile, policyFile, keysDir, passphrase, nowMs, instantsFromMs = nowMs, allowInvalid = false } = options;
  const keys = await openKeyDirectory(keysDir, passphrase === undefined ? {} : { passphrase });
  const policy = policyFile === undefined ? standardPolicy : await readPolicyFile(policyFile);
  const tenants = readTenantsFile(tenantsFile, {
    nowMs: instantsFromMs,
    ...(allowInvalid ? {} : { policy: compileLinted(policy) }),
  });
  const built = await publishFeed({ ...options, ...tenants, policy, keys });
  return { ...built, warnings: [...keys.warnings, ...built.warnings] };
}

/**
 * Builds a feed directory from entitlements in memory, else as `buildFeedDirectory` does.
 *
 * @throws {DimmerError} those of `buildFeed`, `readPreviousFeed` and `writeFeedDirectory`
 */
export async function publishFeed(options: PublishFeedOptions): Promise<BuiltDirectory> {
  const { outDir, audience, issuer = "dimmer", keys, policy = standardPolicy, onProgress } = options;
  await openFeedDirectory(outDir);
  const lock = await lockDirectory(outDir, { waitMs: options.lockWaitMs ?? DEFAULT_LOCK_WAIT_MS });
  try {
    const previous = await previousOf(outDir, keys.trust, audience);
    const built = await buildFeed({
      ...options,
      policy,
      signers: keys.signers,
      iss: issuer,
      aud: audience,
      freshForMs: options.freshForMs ?? DEFAULT_FRESH_MS,
      ...(previous === undefined ? {} : { previous }),
    });
    const files = await writeFeedDirectory(outDir, built, {
      lock,
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    const { version, counts, changed } = built;
    return { trust: keys.trust, version, counts, changed, files, warnings: warningsOf(previous, counts) };
  } catch (cause) {
    throw diskFailure(`cannot build the feed in ${outDir}`, cause);
  } finally {
    await lock.release();
  }
}

/** What a token is issued from. */
export interface IssueTokenOptions {
  readonly tenant: string;
  readonly feedDirectory: string;
  readonly keys: Pick<KeyDirectory, "signers" | "trust">;
  /** Milliseconds that it lives, from 1,000 to 3,600,000. Default 300,000. */
  readonly ttlMs?: number;
  /** Unix milliseconds. */
  readonly nowMs: number;
}

/**
 * Signs the entitlement token of a tenant of a feed directory. `undefined` where the feed has no such tenant.
 *
 * @throws {TypeError} where `ttlMs` is out of bounds
 * @throws {DimmerError} where the feed does not verify with these keys
 */
export async function issueEntitlementToken(options: IssueTokenOptions): Promise<string | undefined> {
  const { tenant, feedDirectory, keys, ttlMs, nowMs } = options;
  return await signTokenFromFeed({
    tenant,
    source: directorySource(feedDirectory),
    trust: [keys.trust],
    signer: keys.signers.feed,
    nowMs,
    ...(ttlMs === undefined ? {} : { ttlMs }),
  });
}

async function previousOf(outDir: string, trust: string, audience: string): Promise<PreviousFeed | undefined> {
  if ((await readHeadToken(outDir)) === undefined) return undefined;
  try {
    return await readPreviousFeed(directorySource(outDir), { trust: [trust], audience });
  } catch (cause) {
    if (!(cause instanceof DimmerError) || cause.code === "disk_failed") throw cause;
    throw new DimmerError(
      "feed_refused",
      `${outDir} holds a feed that does not verify with these keys and the audience "${audience}" (${cause.message}); build with its keys, or into another directory`,
      { cause },
    );
  }
}

function warningsOf(previous: PreviousFeed | undefined, { lostChunks }: FeedCounts): string[] {
  if (previous === undefined) return [];
  const lost = previous.index === undefined ? "the index" : lostChunks > 0 ? `${lostChunks} chunks` : undefined;
  if (lost === undefined) return [];
  return [
    `${lost} of the generation before could not be read: tenants that were removed since stay with those who hold them`,
  ];
}
