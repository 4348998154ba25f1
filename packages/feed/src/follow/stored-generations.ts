import { DimmerError, type Lock } from "@dimmer/core";
import { compareVersions, type HeadPayload, type TrustedKeys } from "@dimmer/statement";
import { stageChunk } from "./chunk.ts";
import type { FeedFollower } from "./feed-follower.ts";
import type { Candidate, Generation, NamedStatement, VerifiedHead } from "./generation.ts";
import { type ReadPart, readVerified, takeLocks, takePolicyPart, takeStatement, verifyHead } from "./intake.ts";
import { PartFault } from "./part-fault.ts";
import type { CarriedTenants, GenerationStore, StoredGeneration } from "./ports.ts";

/** A lock list that verified, and the version that its head gives it. */
interface StoredLocks {
  readonly list: NamedStatement<readonly Lock[]>;
  readonly version: HeadPayload["locks"];
}

interface Readable {
  readonly stored: StoredGeneration;
  readonly head: VerifiedHead;
  readonly keys: TrustedKeys;
}

/**
 * Puts the newest generation of a store in force that verifies, all of it anew. What does not is set aside and reported,
 * and the generation before it is used: but never an older lock list where the newer one verifies, and no head below the
 * newest (F1). Never rejects.
 */
export async function loadStored(store: GenerationStore, follower: FeedFollower): Promise<void> {
  const read = readFrom(store);
  let generations: readonly StoredGeneration[];
  try {
    generations = await store.load();
  } catch (error) {
    follower.keeper.noteFailure(error);
    return;
  }
  for (const place of store.damaged ?? []) {
    const left = generations.length === 0 ? "nothing of what was held is left" : "an older or another copy is used";
    follower.refuse(store.name, new DimmerError("disk_failed", `a damaged file is set aside as ${place}: ${left}`));
  }
  const readable: Readable[] = [];
  for (const stored of generations) {
    const opened = await open(stored, store, follower);
    if (opened !== undefined) readable.push(opened);
  }
  // The lock list first: nothing that is loaded may count for a moment without it (D2, D3).
  const locks = await newestLocks(readable, read);
  const isLoaded = await loadNewest(readable, { store, read, follower, locks });
  if (!isLoaded && locks !== undefined) await follower.applyLocks(locks.list, locks.version);
  follower.table.pool.sweep();
}

/** Verifies keysets and head of a stored generation. */
async function open(
  stored: StoredGeneration,
  store: GenerationStore,
  follower: FeedFollower,
): Promise<Readable | undefined> {
  try {
    await follower.keyring.take(stored.keysets);
  } catch (error) {
    // The older generation has the older keysets. Where none are held, the trust given is another than before: what lies
    // there is not wrong, only not ours to believe.
    if (follower.keyring.keys === undefined) {
      follower.refuse(store.name, toDimmerError(error));
      return undefined;
    }
  }
  const keys = follower.keyring.keys as TrustedKeys;
  try {
    const head = await verifyHead(stored.head, keys);
    follower.noteHead(head.payload);
    return { stored, head, keys };
  } catch (error) {
    follower.refuse(store.name, toDimmerError(error));
    await setAside(store, follower, { head: stored.head });
    return undefined;
  }
}

/** Puts the newest generation in force that verifies; its carried tenants count before it is called ready. */
async function loadNewest(
  readable: readonly Readable[],
  {
    store,
    read,
    follower,
    locks,
  }: {
    readonly store: GenerationStore;
    readonly read: ReadPart;
    readonly follower: FeedFollower;
    readonly locks: StoredLocks | undefined;
  },
): Promise<boolean> {
  for (const { stored, head, keys } of readable) {
    try {
      const candidate = withLocks(await follower.take(head, { keys, read, isOwner: true }), locks);
      await follower.apply(candidate, false, async ({ policy }) => {
        for (const carried of stored.carried ?? []) await restore(carried, { read, follower, keys, policy });
      });
      follower.keeper.noteStored(follower.generation as Generation);
      return true;
    } catch (error) {
      follower.refuse(store.name, toDimmerError(error));
      if (error instanceof PartFault) await setAside(store, follower, error.part);
    }
  }
  return false;
}

/** D3: the lock list of a generation counts although the rest of it is lost, as long as it verifies itself. */
async function newestLocks(readable: readonly Readable[], read: ReadPart): Promise<StoredLocks | undefined> {
  let newest: StoredLocks | undefined;
  for (const { head, keys } of readable) {
    const version = head.payload.locks;
    if (newest !== undefined && compareVersions(version, newest.version) <= 0) continue;
    try {
      newest = { list: await takeLocks(head.payload, { keys, read, held: undefined }), version };
    } catch {
      // The attempt to load its generation reports it; the list of the generation before is looked at next.
    }
  }
  return newest;
}

/** A generation with a newer lock list than its own. */
function withLocks(candidate: Candidate, locks: StoredLocks | undefined): Candidate {
  const { head } = candidate;
  if (locks === undefined || compareVersions(locks.version, head.payload.locks) <= 0) return candidate;
  const payload = { ...head.payload, locks: locks.version };
  return { ...candidate, head: { ...head, payload, isOutdated: true }, locks: locks.list };
}

/** Lets tenants count again that the generation loaded lacks, from the index and chunk that gave them. */
async function restore(
  carried: CarriedTenants,
  {
    read,
    follower,
    keys,
    policy: inForce,
  }: {
    readonly read: ReadPart;
    readonly follower: FeedFollower;
    readonly keys: TrustedKeys;
    readonly policy: Generation["policy"];
  },
): Promise<void> {
  const origin = { index: carried.index, policy: carried.policy, chunk: carried.chunk };
  const part = { kind: "chunks", digest: carried.chunk } as const;
  try {
    const indexPart = { kind: "index", digest: carried.index } as const;
    const { payload: index } = await takeStatement("dimmer-index+jwt", indexPart, { keys, read }, { epoch: 0, seq: 0 });
    const bucket = index.chunks.indexOf(carried.chunk);
    if (bucket === -1) throw new PartFault(part, `is not named by index ${carried.index}`);
    const isInForce = inForce.digest === carried.policy;
    const policy = isInForce ? inForce.value : (await takePolicyPart(carried.policy, { keys, read }, index)).value;
    const bytes = await readVerified(part, read);
    const place = { bucket, buckets: index.buckets, digest: carried.chunk };
    const tools = { pool: follower.table.pool, slicer: follower.slicer, known: [], isKnownHere: false };
    const staged = await stageChunk(bytes, place, tools);
    const wanted = new Set(carried.tenants);
    for (const [i, tenant] of staged.ids.entries()) {
      const shared = staged.profiles[staged.profileAt[i] as number];
      if (shared === undefined || !wanted.has(tenant)) continue;
      shared.admitUnder(policy);
      follower.applier.restore(tenant, { shared, cases: staged.cases.get(tenant) ?? [] }, origin);
    }
  } catch (error) {
    follower.refuse("carried tenants", toDimmerError(error));
  }
}

function readFrom(store: GenerationStore): ReadPart {
  return async (kind, digest) => {
    const bytes = await store.read(kind, digest);
    if (bytes === undefined) throw new PartFault({ kind, digest }, "is missing from the store");
    return bytes;
  };
}

async function setAside(
  store: GenerationStore,
  follower: FeedFollower,
  what: Parameters<GenerationStore["quarantine"]>[0],
): Promise<void> {
  try {
    const place = await store.quarantine(what);
    if (place !== undefined) follower.log.warn({ store: store.name, place }, `set aside as ${place}`);
  } catch (error) {
    follower.keeper.noteFailure(error);
  }
}

function toDimmerError(error: unknown): DimmerError {
  if (error instanceof DimmerError) return error;
  return new DimmerError("feed_refused", error instanceof Error ? error.message : String(error), { cause: error });
}
