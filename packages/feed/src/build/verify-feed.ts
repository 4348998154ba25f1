import { type CompiledPolicy, compilePolicy, DimmerError, lintPolicy, type PolicyDocument } from "@dimmer/core";
import {
  compareVersions,
  formatVersion,
  type HeadPayload,
  type IndexPayload,
  type LocksPayload,
  type Version,
} from "@dimmer/statement";
import { fileOfPart, HEAD_FILE, KEYSETS_DIRECTORY } from "../follow/feed-paths.ts";
import type { FeedSource } from "../follow/ports.ts";
import { checkChunk } from "./check-chunk.ts";
import {
  readVerifiedChunk,
  readVerifiedHead,
  readVerifiedKeysets,
  readVerifiedPart,
  type TrustOptions,
} from "./generation.ts";

/** Something that is wrong with a feed. A replica refuses errors; it lives with warnings, and says so. */
export interface FeedFault {
  readonly severity: "error" | "warning";
  /** The part, by its name in a feed directory. */
  readonly file: string;
  /** From 1, in a chunk. */
  readonly line?: number;
  readonly message: string;
}

/** How a feed is verified. */
export interface VerifyFeedOptions extends TrustOptions {
  /** Unix milliseconds: a head that is not fresh then is a warning. */
  readonly nowMs: number;
  /** Called after every 64 chunks. */
  readonly onProgress?: (progress: { readonly phase: "chunks"; readonly done: number; readonly total: number }) => void;
}

/** What a full check of a feed found. Fields after `faults` are there as far as the feed could be read. */
export interface FeedReport {
  /** Whether there is no error; there may be warnings. */
  readonly isGood: boolean;
  /** In the order of the parts; at most 100, the last of which then says so. */
  readonly faults: readonly FeedFault[];
  readonly version?: Version;
  readonly locksVersion?: Version;
  readonly keysetVersion?: number;
  readonly policy?: { readonly name: string; readonly version: string };
  /** Unix seconds. */
  readonly freshUntil?: number;
  readonly counts?: {
    readonly tenants: number;
    readonly restricted: number;
    readonly locked: number;
    readonly gone: number;
    readonly buckets: number;
  };
}

const MAX_FAULTS = 100;
const PROGRESS_EVERY = 64;

/**
 * Checks everything in a feed that a replica would check and what only a person would look for: every signature, digest,
 * count and line, and goes on after a fault where it can. Reads every chunk: linear in the feed, some 3 µs a tenant.
 *
 * @throws {TypeError} where the options are wrong
 * @throws {DimmerError} only for what is no fault of the feed, as `disk_failed`
 */
export async function verifyFeed(source: FeedSource, options: VerifyFeedOptions): Promise<FeedReport> {
  const faults = new Faults();
  const keys = (await faults.trying(`${KEYSETS_DIRECTORY}/`, () => readVerifiedKeysets(source, options)))?.keys;
  const head = keys && (await faults.trying(HEAD_FILE, () => readVerifiedHead(source, keys)));
  if (keys === undefined || head === undefined) return { isGood: false, faults: faults.list };
  if (head.fresh_until * 1_000 <= options.nowMs) {
    faults.add({ severity: "warning", file: HEAD_FILE, message: "the head is no longer fresh; build the feed again" });
  }
  const read = <K extends "index" | "policy" | "locks">(kind: K, digest: string) =>
    faults.trying(fileOfPart(kind, digest), () => readVerifiedPart(source, kind, { digest, head, keys }));
  const policy = (await read("policy", head.policy))?.payload.policy;
  const compiled = policy && lint(policy, fileOfPart("policy", head.policy), faults);
  const locks = (await read("locks", head.locks.digest))?.payload;
  if (locks !== undefined) checkLocks(locks, head, faults);
  const index = (await read("index", head.index))?.payload;
  const counts = index && (await checkIndex(source, { index, head, policy: compiled, ...options }, faults));
  return {
    isGood: !faults.hasErrors,
    faults: faults.list,
    version: { epoch: head.epoch, seq: head.seq },
    locksVersion: { epoch: head.locks.epoch, seq: head.locks.seq },
    keysetVersion: keys.version,
    ...(policy === undefined ? {} : { policy: { name: policy.name, version: policy.version } }),
    freshUntil: head.fresh_until,
    ...(counts === undefined ? {} : { counts: { ...counts, locked: locks?.locks.length ?? 0 } }),
  };
}

function lint(policy: PolicyDocument, file: string, faults: Faults): CompiledPolicy | undefined {
  const errors = lintPolicy(policy).filter(({ severity }) => severity === "error");
  for (const { place, message, fix } of errors) {
    faults.add({ severity: "error", file, message: `${place}: ${message}. ${fix}` });
  }
  return errors.length === 0 ? compilePolicy(policy) : undefined;
}

function checkLocks(locks: LocksPayload, head: HeadPayload, faults: Faults): void {
  if (compareVersions(locks, head.locks) === 0) return;
  const message = `has version ${formatVersion(locks)}, but the head says ${formatVersion(head.locks)}`;
  faults.add({ severity: "error", file: fileOfPart("locks", head.locks.digest), message });
}

interface IndexCheck extends Pick<VerifyFeedOptions, "onProgress"> {
  readonly index: IndexPayload;
  readonly head: HeadPayload;
  readonly policy: CompiledPolicy | undefined;
}

async function checkIndex(source: FeedSource, { index, head, policy, onProgress }: IndexCheck, faults: Faults) {
  const file = fileOfPart("index", head.index);
  if (index.policy !== head.policy) {
    faults.add({ severity: "error", file, message: "names another policy than the head" });
  }
  if (compareVersions(index, head) > 0) {
    faults.add({ severity: "error", file, message: `has version ${formatVersion(index)}, above that of the head` });
  }
  const total = { lines: 0, restricted: 0, gone: 0 };
  let isComplete = true;
  for (const [bucket, digest] of index.chunks.entries()) {
    const chunk = fileOfPart("chunks", digest);
    const bytes = await faults.trying(chunk, () => readVerifiedChunk(source, digest));
    if (bytes === undefined) {
      isComplete = false;
      continue;
    }
    const place = { bucket, buckets: index.buckets, ...(policy === undefined ? {} : { policy }) };
    const counts = checkChunk(bytes, place, (fault) => faults.add({ file: chunk, ...fault }));
    total.lines += counts.lines;
    total.restricted += counts.restricted;
    total.gone += counts.gone;
    if ((bucket + 1) % PROGRESS_EVERY === 0) onProgress?.({ phase: "chunks", done: bucket + 1, total: index.buckets });
  }
  if (isComplete && total.lines !== index.count) {
    faults.add({ severity: "error", file, message: `says ${index.count} lines, but its chunks have ${total.lines}` });
  }
  const { lines, restricted, gone } = total;
  return { tenants: lines - gone, restricted, gone, buckets: index.buckets };
}

class Faults {
  readonly list: FeedFault[] = [];
  hasErrors = false;

  add(fault: FeedFault): void {
    if (fault.severity === "error") this.hasErrors = true;
    if (this.list.length < MAX_FAULTS - 1) this.list.push(fault);
    else if (this.list.length === MAX_FAULTS - 1) {
      this.list.push({ severity: fault.severity, file: fault.file, message: "there are more faults than are listed" });
    }
  }

  /** Does what may find a fault; `undefined` where it did. */
  async trying<R>(file: string, act: () => Promise<R>): Promise<R | undefined> {
    try {
      return await act();
    } catch (cause) {
      if (!(cause instanceof DimmerError) || cause.code === "disk_failed") throw cause;
      this.add({ severity: "error", file, message: cause.message });
      return undefined;
    }
  }
}
