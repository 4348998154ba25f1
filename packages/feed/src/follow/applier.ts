import type { CompiledPolicy, Lock } from "@dimmer/core";
import type { Version } from "@dimmer/statement";
import { bucketOf } from "../build/bucket.ts";
import type { StagedChunk } from "./chunk.ts";
import { DeltaOverlay } from "./delta-overlay.ts";
import { ExceptionalTenants, type Origin } from "./exceptional-tenants.ts";
import { type Bucket, type Candidate, type Generation, type GenerationStatements, isStaged } from "./generation.ts";
import type { SharedProfile } from "./shared-profile.ts";
import type { Slicer } from "./slicer.ts";
import type { StagedDelta } from "./staged-delta.ts";
import type { TenantTable } from "./tenant-table.ts";

/** What the applier tells while it works: after each slice, when answers are new and nobody was told yet. */
export interface ApplierHooks {
  /** Another policy or lock list is in force. */
  onStand(policy: CompiledPolicy): void;
  /** A slice ends. */
  onSlice(): void;
}

/** What stands in force over the tenants, where it is another than before. */
export interface NewGround {
  readonly policy?: CompiledPolicy;
  readonly locks?: readonly Lock[];
}

/** More changed tenants than this are told as all. */
const MAX_TOLD = 10_000;
const TENANTS_PER_LOOK = 64;
const NO_CASES: readonly string[] = [];
const NO_IDS: readonly string[] = [];
/** Older than any delta. */
const FIRST: Version = { epoch: 0, seq: 0 };

/** What a chunk is applied over. */
interface ChunkContext {
  /** Ids of the bucket so far, ascending. */
  readonly before: readonly string[];
  /** Tenants of the bucket that stand by a delta which the index covers. */
  readonly covered: readonly string[];
  /** Of the index. */
  readonly version: Version;
  readonly originOf: (tenant: string) => Origin | undefined;
}

/**
 * Puts verified updates in force: policy and lock list in one go, then tenant by tenant, in slices of at most 4 ms
 * between which everybody is answered. It verifies nothing and cannot fail.
 */
export class Applier {
  readonly exceptional: ExceptionalTenants = new ExceptionalTenants();
  readonly overlay: DeltaOverlay = new DeltaOverlay();
  readonly #table: TenantTable;
  readonly #slicer: Slicer;
  readonly #hooks: ApplierHooks;
  #changed: string[] | "all" = [];
  #count = 0;

  constructor(table: TenantTable, slicer: Slicer, hooks: ApplierHooks) {
    this.#table = table;
    this.#slicer = slicer;
    this.#hooks = hooks;
  }

  /** The tenants changed since the last call. */
  takeChanged(): readonly string[] | "all" {
    const changed = this.#changed;
    this.#changed = [];
    return changed;
  }

  /**
   * Puts a policy, a lock list or both in force in one go; which tenants the policy knows is then judged in slices.
   *
   * @returns whether the policy is another: once the tenants are applied too, the modes of all are to be looked at
   */
  async stand({ policy, locks }: NewGround, held: Generation | undefined): Promise<boolean> {
    const table = this.#table;
    const ground = policy === undefined ? table.ground : { policy, isHeld: true };
    const isNewPolicy = ground.policy !== table.ground.policy;
    const change = locks === undefined ? undefined : await table.stageLocks(locks, this.#slicer);
    table.stand(ground, change);
    if (isNewPolicy) this.#changed = "all";
    for (const tenant of [...(change?.set.keys() ?? []), ...(change?.lifted ?? [])]) this.#note(tenant);
    this.#hooks.onStand(ground.policy);
    if (isNewPolicy && held !== undefined) await this.#judgeAgain(held);
    return isNewPolicy;
  }

  /** Puts the tenants of a generation in force after those of another; what deltas newer than it said stays. */
  async apply(candidate: Candidate, held: Generation): Promise<Generation> {
    const buckets = await this.#applyChunks(candidate, held);
    this.overlay.recount();
    this.#hooks.onSlice();
    return generationOf(candidate, buckets);
  }

  /** Puts a delta in force that follows what is. */
  async applyDelta(delta: StagedDelta, held: Generation): Promise<void> {
    const { policy } = this.#table.ground;
    this.overlay.begin(delta);
    for (const { tenant, shared, cases } of delta.entries) {
      if (this.#isDue()) await this.#breathe();
      const why = shared?.unknownTo(policy);
      if (shared === undefined) this.#remove(tenant);
      else if (why === undefined) this.#place(tenant, shared, cases);
      else this.#quarantine(tenant, { shared, cases, why, origin: this.#originOf(tenant, held) });
      this.overlay.note(tenant, delta);
    }
    this.#hooks.onSlice();
  }

  /** Begins the first generation, in a table that nobody is answered from. */
  begin({ policy }: GenerationStatements): void {
    this.#changed = "all";
    this.#table.stand({ policy: policy.value, isHeld: true }, undefined);
  }

  /** Takes a chunk of the first generation. */
  async place(chunk: StagedChunk): Promise<Bucket> {
    await this.#applyChunk(chunk, { before: NO_IDS, covered: NO_IDS, version: FIRST, originOf: () => undefined });
    return { digest: chunk.digest, lines: chunk.lines, ids: chunk.ids };
  }

  /** Ends the first generation: its chunks are placed, and nobody may be answered before its locks are. */
  async finish(candidate: Candidate, locks: readonly Lock[]): Promise<Generation> {
    const table = this.#table;
    table.stand(table.ground, await table.stageLocks(locks, this.#slicer));
    return generationOf(candidate, candidate.chunks.filter(isBucket));
  }

  /**
   * Lets an entitlement of an older generation count again after a restart, where the one loaded has none that does: the
   * tenant is quarantined in it, or missing.
   */
  restore(
    tenant: string,
    entry: { readonly shared: SharedProfile; readonly cases: readonly string[] },
    origin: Origin,
  ): void {
    const held = this.#table.entitlementOf(tenant);
    if (held !== undefined && held !== this.#table.withheld) return;
    this.exceptional.carry(tenant, origin, held === undefined);
    this.#table.place(tenant, entry.shared, entry.cases);
  }

  /** Under a new policy some of the quarantined may count, and some that counted may be known no longer. */
  async #judgeAgain(held: Generation): Promise<void> {
    const { policy } = this.#table.ground;
    for (const [tenant, { pending, cases }] of this.exceptional.quarantined()) {
      if (this.#isDue()) await this.#breathe();
      if (pending.unknownTo(policy) !== undefined) continue;
      this.#place(tenant, pending, cases);
    }
    let isAnyStuck = false;
    for (const shared of this.#table.pool.values()) {
      if (this.#isDue()) await this.#breathe();
      if (shared.uses > 0 && shared.unknownTo(policy) !== undefined) isAnyStuck = true;
    }
    if (!isAnyStuck) return;
    for (const ids of [...held.buckets.map((bucket) => bucket.ids), [...this.overlay.tenants()]]) {
      for (const tenant of ids) {
        if (this.#isDue()) await this.#breathe();
        this.#judge(tenant, held);
      }
    }
  }

  #judge(tenant: string, held: Generation): void {
    const shared = this.#table.entitlementOf(tenant);
    if (shared === undefined || this.exceptional.isQuarantined(tenant)) return;
    const why = shared.unknownTo(this.#table.ground.policy);
    if (why === undefined) return;
    const cases = this.#table.watch.casesOf(tenant);
    this.#quarantine(tenant, { shared, cases, why, origin: this.#originOf(tenant, held) });
  }

  async #applyChunks({ chunks, index }: Candidate, held: Generation): Promise<Bucket[]> {
    const isSameBucketing = held.buckets.length === chunks.length;
    const covered = this.overlay.coveredBy(index.value, chunks.length);
    const originOf = (tenant: string): Origin | undefined => this.#originOf(tenant, held);
    const buckets: Bucket[] = [];
    for (const [i, chunk] of chunks.entries()) {
      if (!isStaged(chunk)) {
        buckets.push(chunk);
        continue;
      }
      const before = (isSameBucketing ? held.buckets[i]?.ids : undefined) ?? NO_IDS;
      await this.#applyChunk(chunk, { before, covered: covered.get(i) ?? NO_IDS, version: index.value, originOf });
      buckets.push({ digest: chunk.digest, lines: chunk.lines, ids: chunk.ids });
    }
    if (!isSameBucketing) await this.#keepMissing(held, buckets);
    return buckets;
  }

  async #applyChunk(chunk: StagedChunk, { before, covered, version, originOf }: ChunkContext): Promise<void> {
    const { overlay } = this;
    const hasDeltas = overlay.size > 0;
    const isOvertaken = (tenant: string): boolean => hasDeltas && overlay.isAfter(tenant, version);
    for (const tenant of chunk.gone) if (!isOvertaken(tenant)) this.#remove(tenant);
    const miss = (tenant: string): void => {
      if (chunk.gone.has(tenant) || isOvertaken(tenant) || this.#table.entitlementOf(tenant) === undefined) return;
      this.exceptional.keepMissing(tenant, originOf(tenant));
    };
    let at = 0;
    const { policy } = this.#table.ground;
    const hasCases = chunk.cases.size > 0;
    for (let i = 0; i < chunk.ids.length; i += 1) {
      const tenant = chunk.ids[i] as string;
      if (this.#isDue()) await this.#breathe();
      for (; at < before.length && (before[at] as string) < tenant; at += 1) miss(before[at] as string);
      if (before[at] === tenant) at += 1;
      if (isOvertaken(tenant)) continue;
      const shared = chunk.profiles[chunk.profileAt[i] as number] as SharedProfile;
      const cases = (hasCases && shared.isRestricted ? chunk.cases.get(tenant) : undefined) ?? NO_CASES;
      const why = shared.unknownTo(policy);
      if (why === undefined) this.#place(tenant, shared, cases);
      else this.#quarantine(tenant, { shared, cases, why, origin: originOf(tenant) });
    }
    for (; at < before.length; at += 1) miss(before[at] as string);
    for (const tenant of covered) {
      if (!isIn(chunk.ids, tenant)) miss(tenant);
      overlay.forget(tenant);
    }
  }

  /** After the number of buckets has changed: what no bucket has any more. */
  async #keepMissing(held: Generation, buckets: readonly Bucket[]): Promise<void> {
    for (const bucket of held.buckets) {
      for (const tenant of bucket.ids) {
        if (this.#isDue()) await this.#breathe();
        if (this.overlay.isAfter(tenant, FIRST)) continue;
        const now = buckets[bucketOf(tenant, buckets.length)]?.ids ?? NO_IDS;
        if (!isIn(now, tenant) && this.#table.entitlementOf(tenant) !== undefined) {
          this.exceptional.keepMissing(tenant, originOf(held, bucket));
        }
      }
    }
  }

  #originOf(tenant: string, held: Generation): Origin | undefined {
    return this.overlay.originOf(tenant) ?? findOrigin(held, tenant);
  }

  #place(tenant: string, shared: SharedProfile, cases: readonly string[]): void {
    if (this.#table.place(tenant, shared, cases)) this.#note(tenant);
    if (!this.exceptional.isEmpty) this.#settle(tenant);
  }

  #remove(tenant: string): void {
    if (this.#table.place(tenant, undefined)) this.#note(tenant);
    this.#settle(tenant);
  }

  #settle(tenant: string): void {
    const before = this.exceptional.settle(tenant);
    if (before !== undefined) this.#table.pool.leave(before.pending);
  }

  #quarantine(
    tenant: string,
    entry: {
      readonly shared: SharedProfile;
      readonly cases: readonly string[];
      readonly why: string;
      readonly origin: Origin | undefined;
    },
  ): void {
    const { shared, cases, why, origin } = entry;
    const table = this.#table;
    const previous = table.entitlementOf(tenant);
    table.pool.use(shared);
    const isKept = previous !== undefined && previous !== table.withheld;
    const before = this.exceptional.quarantine(tenant, { pending: shared, cases, why }, isKept ? origin : undefined);
    if (before !== undefined) table.pool.leave(before.pending);
    if (previous === undefined && table.place(tenant, table.withheld)) this.#note(tenant);
  }

  #note(tenant: string): void {
    if (this.#changed === "all") return;
    if (this.#changed.length >= MAX_TOLD) this.#changed = "all";
    else this.#changed.push(tenant);
  }

  /** Asked for every tenant: an await for each would cost more than what is done with it. */
  #isDue(): boolean {
    this.#count += 1;
    return this.#count % TENANTS_PER_LOOK === 0 && this.#slicer.isDue();
  }

  async #breathe(): Promise<void> {
    this.#hooks.onSlice();
    await this.#slicer.pause();
  }
}

function originOf(held: Generation, bucket: Bucket): Origin {
  return { index: held.index.digest, policy: held.index.value.policy, chunk: bucket.digest };
}

function findOrigin(held: Generation, tenant: string): Origin | undefined {
  const bucket = held.buckets[bucketOf(tenant, held.buckets.length)];
  return bucket === undefined ? undefined : originOf(held, bucket);
}

function generationOf({ head, index, policy, locks }: Candidate, buckets: readonly Bucket[]): Generation {
  return { head, index, policy, locks, buckets };
}

function isBucket(chunk: StagedChunk | Bucket): chunk is Bucket {
  return !isStaged(chunk);
}

function isIn(ascending: readonly string[], wanted: string): boolean {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as string) < wanted) low = middle + 1;
    else high = middle;
  }
  return ascending[low] === wanted;
}
