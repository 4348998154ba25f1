import { type CompiledPolicy, DimmerError, type Lock } from "@dimmer/core";
import { compareVersions, lockFromWire, type TrustedKeys, type Version, verifyStatement } from "@dimmer/statement";
import { stageChunk } from "./chunk.ts";
import type { FeedState } from "./feed-state.ts";
import type { FrameIntake } from "./frame-intake.ts";
import type { Generation, NamedStatement, VerifiedHead } from "./generation.ts";
import { type ReadPart, readVerified, takeLocks, takePolicyPart, takeStatement, verifyHead } from "./intake.ts";
import type { Keyring } from "./keyring.ts";
import type { ListIntake } from "./list-intake.ts";
import { PartFault } from "./part-fault.ts";
import type { PartsKeeper } from "./parts-keeper.ts";
import type {
  CarriedFromDelta,
  CarriedFromIndex,
  CarriedTenants,
  GenerationStore,
  ReplicaLog,
  StoredFrame,
  StoredGeneration,
} from "./ports.ts";
import { stageDelta } from "./staged-delta.ts";
import type { StoreHealth } from "./store-health.ts";
import type { StoreWriter } from "./store-writer.ts";

/** A lock list that verified, and its version. */
interface StoredLocks {
  readonly list: NamedStatement<readonly Lock[]>;
  readonly version: Version;
}

interface Readable {
  readonly stored: StoredGeneration;
  readonly head: VerifiedHead;
  readonly keys: TrustedKeys;
}

/** What loading works on. */
export interface LoadTools {
  readonly store: GenerationStore;
  readonly state: FeedState;
  readonly keyring: Keyring;
  readonly keeper: PartsKeeper;
  readonly writer: StoreWriter;
  readonly health: StoreHealth;
  readonly lists: ListIntake;
  readonly frames: FrameIntake;
  readonly log: ReplicaLog;
  /** Reports what was refused. */
  readonly refuse: (source: string, error: DimmerError) => void;
}

/**
 * Puts the newest generation of a store in force that verifies, all of it anew, and then the frames that came after it.
 * What does not verify is set aside and reported, and the generation before it is used: but never an older lock list where
 * the newer one verifies, and no head below the newest (F1). Never rejects.
 */
export async function loadStored(tools: LoadTools): Promise<void> {
  const { store, state } = tools;
  let generations: readonly StoredGeneration[];
  try {
    generations = await store.load();
  } catch (error) {
    tools.health.noteFailure(error);
    return;
  }
  for (const place of store.damaged ?? []) {
    const left = generations.length === 0 ? "nothing of what was held is left" : "an older or another copy is used";
    tools.refuse(store.name, new DimmerError("disk_failed", `a damaged file is set aside as ${place}: ${left}`));
  }
  const readable: Readable[] = [];
  for (const stored of generations) {
    const opened = await open(stored, tools);
    if (opened !== undefined) readable.push(opened);
  }
  const read = readFrom(store);
  // The lock list first: nothing that is loaded may count for a moment without it (D2, D3).
  const locks = await newestLocks(readable, generations, { ...tools, read });
  if (locks !== undefined) await state.applyLocks(locks.list, locks.version);
  if (await loadNewest(readable, generations, { ...tools, read })) await replay(generations, tools, read);
}

/** Takes the frames that came after the generation; one that was torn or lost ends the deltas, and nothing else. */
async function replay(generations: readonly StoredGeneration[], tools: LoadTools, read: ReadPart): Promise<void> {
  const origin = { isReceived: false, isNew: false, read };
  for (const { event, data } of framesOf(generations)) {
    try {
      await tools.frames.take([{ event, data }], origin);
    } catch (error) {
      tools.refuse(tools.store.name, toDimmerError(error));
    }
  }
}

/** All frames that a store has, oldest first: those of the generation before lead up to the newest. */
function framesOf(generations: readonly StoredGeneration[]): readonly StoredFrame[] {
  const frames = generations.toReversed().flatMap((generation) => generation.frames ?? []);
  return [...new Map(frames.map((frame) => [frame.data, frame])).values()];
}

/** Verifies keysets and head of a stored generation. */
async function open(stored: StoredGeneration, tools: LoadTools): Promise<Readable | undefined> {
  const { store, keyring, state } = tools;
  try {
    await keyring.take(stored.keysets);
  } catch (error) {
    // The older generation has the older keysets. Where none are held, the trust given is another than before: what lies
    // there is not wrong, only not ours to believe.
    if (keyring.keys === undefined) {
      tools.refuse(store.name, toDimmerError(error));
      return undefined;
    }
  }
  const keys = keyring.keys as TrustedKeys;
  try {
    const head = await verifyHead(stored.head, keys);
    state.noteHead(head.payload);
    return { stored, head, keys };
  } catch (error) {
    tools.refuse(store.name, toDimmerError(error));
    await setAside(tools, { head: stored.head });
    return undefined;
  }
}

/** Puts the newest generation in force that verifies; its carried tenants count before it is called ready. */
async function loadNewest(
  readable: readonly Readable[],
  generations: readonly StoredGeneration[],
  tools: LoadTools & { readonly read: ReadPart },
): Promise<boolean> {
  const { store, state, keeper, writer, lists, read } = tools;
  for (const { stored, head, keys } of readable) {
    try {
      const candidate = await lists.take(head, {
        keys,
        read,
        isOwner: true,
        // It counted once, also where its chunks are lost.
        onStatements: ({ index }) => state.noteIndex(index),
      });
      await state.applyGeneration(candidate, false, async ({ policy }) => {
        for (const carried of stored.carried ?? []) await restore(carried, { ...tools, keys, policy });
      });
      state.table.pool.release();
      const generation = state.generation as Generation;
      keeper.noteStored(generation);
      const isNewest = stored === generations[0];
      const frames = isNewest ? (stored.frames ?? []) : framesOf(generations);
      const about = { keysets: tools.keyring.tokens, carried: stored.carried ?? [] };
      writer.noteStored(generation, frames, { ...about, isNewest });
      return true;
    } catch (error) {
      tools.refuse(store.name, toDimmerError(error));
      if (error instanceof PartFault) await setAside(tools, error.part);
    }
  }
  return false;
}

/** D3: the lock list of a generation counts although the rest of it is lost, as long as it verifies itself. */
async function newestLocks(
  readable: readonly Readable[],
  generations: readonly StoredGeneration[],
  { keyring, read }: Pick<LoadTools, "keyring"> & { readonly read: ReadPart },
): Promise<StoredLocks | undefined> {
  let newest: StoredLocks | undefined;
  const isNewer = (version: Version): boolean => newest === undefined || compareVersions(version, newest.version) > 0;
  for (const { head, keys } of readable) {
    const version = head.payload.locks;
    if (!isNewer(version)) continue;
    try {
      newest = { list: await takeLocks(head.payload, { keys, read, held: undefined }), version };
    } catch {
      // The attempt to load its generation reports it; the list of the generation before is looked at next.
    }
  }
  const { keys } = keyring;
  for (const { event, data } of generations.flatMap(({ frames = [] }) => frames)) {
    if (event !== "locks" || keys === undefined) continue;
    try {
      const { payload, digest } = await verifyStatement("dimmer-locks+jwt", data, keys);
      const list = { token: data, digest, value: payload.locks.map(lockFromWire) };
      if (isNewer(payload)) newest = { list, version: payload };
    } catch {
      // It is reported when the frames are taken.
    }
  }
  return newest;
}

/** Lets tenants count again that the generation loaded lacks, from what gave them: an index and chunk, or a delta. */
async function restore(
  carried: CarriedTenants,
  tools: LoadTools & {
    readonly read: ReadPart;
    readonly keys: TrustedKeys;
    readonly policy: Generation["policy"];
  },
): Promise<void> {
  const { read, keys, policy: inForce } = tools;
  const takePolicy = async (namedAt: Version): Promise<CompiledPolicy> => {
    if (inForce.digest === carried.policy) return inForce.value;
    return (await takePolicyPart(carried.policy, { keys, read }, namedAt)).value;
  };
  try {
    if ("delta" in carried) await restoreFromDelta(carried, tools, takePolicy);
    else await restoreFromIndex(carried, tools, takePolicy);
  } catch (error) {
    tools.refuse("carried tenants", toDimmerError(error));
  }
}

type RestoreTools = Pick<LoadTools, "state"> & { readonly read: ReadPart; readonly keys: TrustedKeys };
type TakePolicy = (namedAt: Version) => Promise<CompiledPolicy>;

async function restoreFromIndex(
  carried: CarriedFromIndex,
  { state, read, keys }: RestoreTools,
  takePolicy: TakePolicy,
): Promise<void> {
  const origin = { index: carried.index, policy: carried.policy, chunk: carried.chunk };
  const part = { kind: "chunks", digest: carried.chunk } as const;
  const indexPart = { kind: "index", digest: carried.index } as const;
  const { payload: index } = await takeStatement("dimmer-index+jwt", indexPart, { keys, read }, { epoch: 0, seq: 0 });
  const bucket = index.chunks.indexOf(carried.chunk);
  if (bucket === -1) throw new PartFault(part, `is not named by index ${carried.index}`);
  const policy = await takePolicy(index);
  const bytes = await readVerified(part, read);
  const place = { bucket, buckets: index.buckets, digest: carried.chunk };
  const tools = { pool: state.table.pool, slicer: state.slicer, known: [], isKnownHere: false };
  const staged = await stageChunk(bytes, place, tools);
  const wanted = new Set(carried.tenants);
  for (const [i, tenant] of staged.ids.entries()) {
    const shared = staged.profiles[staged.profileAt[i] as number];
    if (shared === undefined || !wanted.has(tenant)) continue;
    shared.admitUnder(policy);
    state.applier.restore(tenant, { shared, cases: staged.cases.get(tenant) ?? [] }, origin);
  }
}

async function restoreFromDelta(
  carried: CarriedFromDelta,
  { state, keys }: RestoreTools,
  takePolicy: TakePolicy,
): Promise<void> {
  const { delta: token, policy: policyDigest, tenants } = carried;
  const { payload } = await verifyStatement("dimmer-delta+jwt", token, keys);
  const policy = await takePolicy(payload);
  const about = { token, policy: policyDigest };
  const { entries } = await stageDelta(payload, about, { pool: state.table.pool, slicer: state.slicer });
  const wanted = new Set(tenants);
  for (const { tenant, shared, cases } of entries) {
    if (shared === undefined || !wanted.has(tenant)) continue;
    shared.admitUnder(policy);
    state.applier.restore(tenant, { shared, cases }, { delta: token, policy: policyDigest });
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
  { store, log, health }: LoadTools,
  what: Parameters<GenerationStore["quarantine"]>[0],
): Promise<void> {
  try {
    const place = await store.quarantine(what);
    if (place !== undefined) log.warn({ store: store.name, place }, `set aside as ${place}`);
  } catch (error) {
    health.noteFailure(error);
  }
}

function toDimmerError(error: unknown): DimmerError {
  if (error instanceof DimmerError) return error;
  return new DimmerError("feed_refused", error instanceof Error ? error.message : String(error), { cause: error });
}
