import { type CompiledPolicy, compileReceived, type Lock } from "@dimmer/core";
import {
  compareVersions,
  formatVersion,
  type HeadPayload,
  type IndexPayload,
  lockFromWire,
  type PayloadOf,
  type StatementType,
  sha256,
  type TrustedKeys,
  type Version,
  verifyStatement,
} from "@dimmer/statement";
import { EMPTY_CHUNK_DIGEST, type StagedChunk, stageChunk } from "./chunk.ts";
import type { DeltaOverlay } from "./delta-overlay.ts";
import type {
  Bucket,
  Candidate,
  Generation,
  GenerationStatements,
  NamedStatement,
  VerifiedHead,
} from "./generation.ts";
import { PartFault, type PartName } from "./part-fault.ts";
import type { PartKind } from "./ports.ts";
import type { ProfilePool } from "./profile-pool.ts";
import type { Slicer } from "./slicer.ts";

/** Reads the bytes of a part, unverified. */
export type ReadPart = (kind: PartKind, digest: string) => Promise<Uint8Array>;

/** What intake works with. */
export interface IntakeTools {
  readonly keys: TrustedKeys;
  readonly read: ReadPart;
  /**
   * Whether the bytes read are nobody else's: they are then freed at once. Left to the garbage collector, those of a
   * thousand chunks would be there at the same time, and the memory they took stay with the process.
   */
  readonly isOwner?: boolean;
  /** Told of the statements once they are verified, before any chunk is read. */
  readonly onStatements?: (statements: GenerationStatements) => void;
  /** Told of every chunk that was read and whose digest is right; waited for, so that few are on their way at a time. */
  readonly onChunk?: (digest: string, bytes: Uint8Array) => Promise<void>;
  readonly held: Generation | undefined;
  /** The newest index that was in force before a restart, whatever became of its chunks: none older is taken (F1). */
  readonly seenIndex?: Pick<NamedStatement<IndexPayload>, "digest" | "value"> | undefined;
  /** What came with deltas: a bucket that an index covers anew is read again, also where its chunk is the one held. */
  readonly overlay?: DeltaOverlay;
  /** Takes a chunk as soon as it is verified: for a table that nobody is answered from yet. */
  readonly place?: (chunk: StagedChunk) => Promise<Bucket>;
  readonly pool: ProfilePool;
  readonly slicer: Slicer;
}

/** Chunks read ahead of the one that is checked. */
const READ_AHEAD = 8;
const NO_IDS: readonly string[] = [];

/** Verifies a head, without looking at what it names or what was seen before. @throws {DimmerError} */
export async function verifyHead(token: string, keys: TrustedKeys): Promise<VerifiedHead> {
  const { payload, digest } = await verifyStatement("dimmer-head+jwt", token, keys);
  return { token, digest, payload };
}

/**
 * Reads and verifies everything that a head names and that is not held: all of it before anything is applied (F3).
 * It changes nothing but the profile pool.
 *
 * @throws {DimmerError} with the file, line or field at fault; a `PartFault` where one part is
 */
export async function takeGeneration(head: VerifiedHead, tools: IntakeTools): Promise<Candidate> {
  const index = await takeIndex(head.payload, tools);
  const policy = await takePolicy(head.payload, tools);
  const locks = await takeLocks(head.payload, tools);
  const statements: GenerationStatements = { head, index, policy, locks };
  tools.onStatements?.(statements);
  const chunks = await takeChunks(statements.index.value, tools);
  const count = chunks.reduce((sum, chunk) => sum + chunk.lines, 0);
  if (count !== statements.index.value.count) {
    const message = `count is ${statements.index.value.count}, but the chunks have ${count} lines`;
    throw new PartFault({ kind: "index", digest: statements.index.digest }, message);
  }
  return { ...statements, chunks };
}

async function takeIndex(head: HeadPayload, tools: IntakeTools): Promise<NamedStatement<IndexPayload>> {
  const held = tools.held?.index;
  if (held?.digest === head.index) return held;
  const part: PartName = { kind: "index", digest: head.index };
  const { token, payload } = await takeStatement("dimmer-index+jwt", part, tools, head);
  if (compareVersions(payload, head) > 0) {
    throw new PartFault(part, `index ${formatVersion(payload)} is newer than its head ${formatVersion(head)}`);
  }
  for (const known of [held, tools.seenIndex]) {
    if (known !== undefined && known.digest !== head.index) checkNewer(part, payload, known.value);
  }
  if (compareVersions(payload, head) === 0 && payload.policy !== head.policy) {
    throw new PartFault(part, `policy is ${payload.policy}, but the head names ${head.policy}`);
  }
  return { token, digest: head.index, value: payload };
}

/**
 * Under one version an index may be signed again, by another key, and must then say the same.
 *
 * @throws {PartFault} where an index is older than one that is known, or says something else under its version
 */
function checkNewer(part: PartName, index: IndexPayload, known: IndexPayload): void {
  const order = compareVersions(index, known);
  if (order > 0 || (order === 0 && JSON.stringify(index) === JSON.stringify(known))) return;
  const version = formatVersion(index);
  if (order === 0) throw new PartFault(part, `index ${version} has the version that is held, but another content`);
  const message = `index ${version} is older than ${formatVersion(known)}, held`;
  throw new PartFault(part, message, { code: "statement_outdated" });
}

async function takePolicy(head: HeadPayload, tools: IntakeTools): Promise<NamedStatement<CompiledPolicy>> {
  const held = tools.held?.policy;
  if (held?.digest === head.policy) return held;
  return await takePolicyPart(head.policy, tools, head);
}

/** Reads, verifies and compiles a policy. @throws {PartFault} `policy_invalid` where it does not lint */
export async function takePolicyPart(
  digest: string,
  tools: Pick<IntakeTools, "keys" | "read">,
  namedAt: Version,
): Promise<NamedStatement<CompiledPolicy>> {
  const part: PartName = { kind: "policy", digest };
  const { token, payload } = await takeStatement("dimmer-policy+jwt", part, tools, namedAt);
  try {
    return { token, digest, value: compileReceived(payload.policy) };
  } catch (error) {
    throw PartFault.of(part, error);
  }
}

/** Reads and verifies the lock list that a head names. @throws {PartFault} */
export async function takeLocks(
  head: HeadPayload,
  tools: Pick<IntakeTools, "keys" | "read" | "held">,
): Promise<NamedStatement<readonly Lock[]>> {
  const held = tools.held?.locks;
  if (held?.digest === head.locks.digest) return held;
  const part: PartName = { kind: "locks", digest: head.locks.digest };
  const { token, payload } = await takeStatement("dimmer-locks+jwt", part, tools, head);
  if (compareVersions(payload, head.locks) !== 0) {
    const versions = `${formatVersion(payload)}, but the head names ${formatVersion(head.locks)}`;
    throw new PartFault(part, `lock list has the version ${versions}`);
  }
  return { token, digest: head.locks.digest, value: payload.locks.map(lockFromWire) };
}

/** Reads a statement by its digest and verifies it. @throws {PartFault} */
export async function takeStatement<T extends StatementType>(
  typ: T,
  part: PartName,
  { keys, read }: Pick<IntakeTools, "keys" | "read">,
  namedAt: Version,
): Promise<{ readonly token: string; readonly payload: PayloadOf<T> }> {
  const bytes = await readVerified(part, read);
  try {
    const token = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { token, payload: (await verifyStatement(typ, token, keys, { namedAt })).payload };
  } catch (error) {
    throw PartFault.of(part, error);
  }
}

/** Reads a part and checks its digest. @throws {PartFault}, or what the source rejects with */
export async function readVerified(part: PartName, read: ReadPart): Promise<Uint8Array> {
  const bytes = await read(part.kind, part.digest);
  const digest = await sha256(bytes);
  if (digest === part.digest) return bytes;
  throw new PartFault(part, `has the digest ${digest}: ${bytes.length} bytes that are not what was signed`);
}

async function takeChunks(index: IndexPayload, tools: IntakeTools): Promise<(StagedChunk | Bucket)[]> {
  const { held } = tools;
  const isSameBucketing = held?.buckets.length === index.buckets;
  const covered = tools.overlay?.coveredBy(index, index.buckets);
  const sameAs = (bucket: number): Bucket | undefined => {
    const same = isSameBucketing ? held.buckets[bucket] : undefined;
    return same?.digest === index.chunks[bucket] && covered?.has(bucket) !== true ? same : undefined;
  };
  const chunks: (StagedChunk | Bucket)[] = [];
  const ahead = new Map<number, Promise<Uint8Array>>();
  let next = 0;
  for (const [bucket, digest] of index.chunks.entries()) {
    const same = sameAs(bucket);
    if (same !== undefined) {
      chunks.push(same);
      continue;
    }
    const before = isSameBucketing ? held.buckets[bucket] : undefined;
    next = Math.max(next, bucket);
    for (; next < index.buckets && ahead.size < READ_AHEAD; next += 1) {
      const wanted = index.chunks[next] as string;
      if (sameAs(next) !== undefined) continue;
      const reading = takeChunkBytes(wanted, tools);
      // Whoever comes to it hears of it; what is read ahead of a fault is not an unhandled one.
      reading.catch(() => undefined);
      ahead.set(next, reading);
    }
    const bytes = await (ahead.get(bucket) as Promise<Uint8Array>);
    ahead.delete(bucket);
    const known = before?.ids ?? idsForBucket(held?.buckets ?? [], bucket, index.buckets);
    const { pool, slicer } = tools;
    const place = { bucket, buckets: index.buckets, digest };
    const staged = await stageChunk(bytes, place, { pool, slicer, known, isKnownHere: before !== undefined });
    chunks.push(tools.place === undefined ? staged : await tools.place(staged));
    if (tools.isOwner === true && bytes.byteLength === bytes.buffer.byteLength)
      (bytes.buffer as ArrayBuffer).transfer(0);
  }
  return chunks;
}

async function takeChunkBytes(digest: string, { read, onChunk }: IntakeTools): Promise<Uint8Array> {
  if (digest === EMPTY_CHUNK_DIGEST) return new Uint8Array();
  const bytes = await readVerified({ kind: "chunks", digest }, read);
  await onChunk?.(digest, bytes);
  return bytes;
}

/** The ids held that may belong to a bucket when the number of buckets changes, ascending. */
function idsForBucket(held: readonly Bucket[], bucket: number, buckets: number): readonly string[] {
  if (held.length === 0) return NO_IDS;
  if (buckets >= held.length) return held[bucket & (held.length - 1)]?.ids ?? NO_IDS;
  const lists: (readonly string[])[] = [];
  for (let i = bucket; i < held.length; i += buckets) lists.push(held[i]?.ids ?? NO_IDS);
  return lists.flat().sort();
}
