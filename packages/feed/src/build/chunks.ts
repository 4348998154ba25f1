import { DimmerError } from "@dimmer/core";
import { type IndexPayload, sha256 } from "@dimmer/statement";
import { bucketsFor } from "./bucket.ts";
import { type FeedLines, goneOfLine, tenantOfLine } from "./feed-lines.ts";

/** How long a tombstone is published: a replica that was away for longer keeps the tenant, and counts it. */
export const TOMBSTONE_DAYS = 90;
const TOMBSTONE_SECONDS = TOMBSTONE_DAYS * 86_400;
/** Chunks hashed at once: enough to keep the platform's threads busy, few enough to report progress. */
const BATCH = 64;

/** The generation that a build follows, as far as chunks go. */
export interface PreviousChunks {
  readonly index: IndexPayload;
  /** The verified bytes of a chunk; `undefined` where they are lost. */
  read(digest: string): Promise<Uint8Array | undefined>;
}

/** The chunks of a feed. */
export interface Chunks {
  readonly digests: readonly string[];
  readonly bytes: ReadonlyMap<string, Uint8Array>;
  /** Lines in all chunks. */
  readonly count: number;
  /** Tombstones that this build added or kept. */
  readonly gone: number;
  /** Chunks of the generation before that could not be read: tenants removed since then get no tombstone. */
  readonly lost: number;
}

/**
 * Makes the chunks of a feed. A tenant that the generation before had and the lines have not gets a tombstone dated
 * `nowSeconds`; a tombstone of that generation stays as it is until it is 90 days old. So the chunks depend on the
 * lines, on the generation before and on `nowSeconds`, and on nothing else. Only chunks that differ are read again.
 *
 * @throws {DimmerError} `entitlement_invalid` where a tenant is given twice
 */
export async function buildChunks(
  lines: FeedLines,
  previous: PreviousChunks | undefined,
  options: { readonly nowSeconds: number; readonly onProgress?: (done: number, total: number) => void },
): Promise<Chunks> {
  const { nowSeconds, onProgress } = options;
  if (previous === undefined) {
    const buckets = bucketsFor(lines.lines.length);
    return { ...(await encodeGroups(distinct(lines.byBucket(buckets)), onProgress)), gone: 0, lost: 0 };
  }
  const groups = distinct(lines.byBucket(previous.index.buckets));
  const same = await encodeGroups(groups, onProgress);
  let gone = 0;
  let lost = 0;
  for (const [bucket, before] of previous.index.chunks.entries()) {
    if (before === same.digests[bucket]) continue;
    const bytes = await previous.read(before);
    if (bytes === undefined) {
      lost++;
      continue;
    }
    const tombstones = tombstonesOf(groups[bucket] as string[], linesOf(bytes), nowSeconds);
    gone += tombstones.length;
    for (const line of tombstones) lines.addLine(line);
  }
  const buckets = bucketsFor(lines.lines.length);
  const isFinal = gone === 0 && buckets === previous.index.buckets;
  return { ...(isFinal ? same : await encodeGroups(lines.byBucket(buckets), onProgress)), gone, lost };
}

/** The tombstones that a bucket needs; both lists are sorted by tenant. */
function tombstonesOf(now: readonly string[], before: readonly string[], nowSeconds: number): string[] {
  const tombstones: string[] = [];
  let at = 0;
  for (const line of before) {
    const tenant = tenantOfLine(line);
    while (at < now.length && tenantOfLine(now[at] as string) < tenant) at++;
    if (at < now.length && tenantOfLine(now[at] as string) === tenant) continue;
    const gone = goneOfLine(line);
    if (gone === undefined) tombstones.push(JSON.stringify({ tenant, gone: nowSeconds }));
    else if (nowSeconds - gone < TOMBSTONE_SECONDS) tombstones.push(line);
  }
  return tombstones;
}

/** The lines of a chunk's bytes. */
function linesOf(bytes: Uint8Array): string[] {
  return bytes.length === 0 ? [] : new TextDecoder().decode(bytes).slice(0, -1).split("\n");
}

function distinct(groups: string[][]): string[][] {
  for (const group of groups) {
    for (let i = 1; i < group.length; i++) {
      const tenant = tenantOfLine(group[i] as string);
      if (tenant !== tenantOfLine(group[i - 1] as string)) continue;
      throw new DimmerError("entitlement_invalid", `tenant: "${tenant}" is given twice; give each tenant once`);
    }
  }
  return groups;
}

async function encodeGroups(
  groups: readonly (readonly string[])[],
  onProgress: ((done: number, total: number) => void) | undefined,
): Promise<{ digests: string[]; bytes: Map<string, Uint8Array>; count: number }> {
  const encoder = new TextEncoder();
  const digests: string[] = [];
  const bytes = new Map<string, Uint8Array>();
  let count = 0;
  for (let start = 0; start < groups.length; start += BATCH) {
    const batch = groups.slice(start, start + BATCH);
    const encoded = batch.map((group) => encoder.encode(group.length === 0 ? "" : `${group.join("\n")}\n`));
    for (const [i, digest] of (await Promise.all(encoded.map((chunk) => sha256(chunk)))).entries()) {
      digests.push(digest);
      bytes.set(digest, encoded[i] as Uint8Array);
      count += (batch[i] as readonly string[]).length;
    }
    onProgress?.(digests.length, groups.length);
  }
  return { digests, bytes, count };
}
