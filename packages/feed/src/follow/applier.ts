import { bucketOf } from "../build/bucket.ts";
import type { StagedChunk } from "./chunk.ts";
import { ExceptionalTenants, type Origin } from "./exceptional-tenants.ts";
import { type Bucket, type Candidate, type Generation, type GenerationStatements, isStaged } from "./generation.ts";
import type { SharedProfile } from "./shared-profile.ts";
import type { Slicer } from "./slicer.ts";
import type { TenantTable } from "./tenant-table.ts";

/** What the applier tells while it works: after each slice, when answers are new and nobody was told yet. */
export interface ApplierHooks {
  /** Policy and lock list are in force. */
  onStand(candidate: Candidate): void;
  /** A slice ends. */
  onSlice(): void;
}

/** What applying a generation changed. */
export interface Applied {
  readonly generation: Generation;
  readonly changed: readonly string[] | "all";
}

/** More changed tenants than this are told as all. */
const MAX_TOLD = 10_000;
const TENANTS_PER_LOOK = 64;
const NO_CASES: readonly string[] = [];
const NO_IDS: readonly string[] = [];

/**
 * Puts a verified generation in force: policy and lock list in one go, then tenant by tenant, in slices of at most 4 ms
 * between which everybody is answered. It verifies nothing and cannot fail.
 */
export class Applier {
  readonly exceptional: ExceptionalTenants = new ExceptionalTenants();
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

  /** Puts a generation in force after another. */
  async apply(candidate: Candidate, held: Generation): Promise<Applied> {
    const table = this.#table;
    const ground = { policy: candidate.policy.value, isHeld: true };
    const isNewPolicy = ground.policy !== table.ground.policy;
    this.#changed = isNewPolicy ? "all" : [];
    const isNewLocks = candidate.locks.digest !== held.locks.digest;
    const locks = isNewLocks ? await table.stageLocks(candidate.locks.value, this.#slicer) : undefined;
    table.stand(ground, locks);
    for (const tenant of [...(locks?.set.keys() ?? []), ...(locks?.lifted ?? [])]) this.#note(tenant);
    this.#hooks.onStand(candidate);
    if (isNewPolicy) await this.#judgeAgain(held);
    const buckets = await this.#applyChunks(candidate, held);
    if (isNewPolicy) await table.watch.scan(this.#slicer, true);
    table.pool.sweep();
    this.#hooks.onSlice();
    return { generation: generationOf(candidate, buckets), changed: this.#changed };
  }

  /** Begins the first generation, in a table that nobody is answered from. */
  begin({ policy }: GenerationStatements): void {
    this.#changed = "all";
    this.#table.stand({ policy: policy.value, isHeld: true }, undefined);
  }

  /** Takes a chunk of the first generation. */
  async place(chunk: StagedChunk): Promise<Bucket> {
    await this.#applyChunk(chunk, NO_IDS, () => undefined);
    return { digest: chunk.digest, lines: chunk.lines, ids: chunk.ids };
  }

  /** Ends the first generation: its chunks are placed, and nobody may be answered before its locks are. */
  async finish(candidate: Candidate): Promise<Applied> {
    const table = this.#table;
    table.stand(table.ground, await table.stageLocks(candidate.locks.value, this.#slicer));
    table.pool.sweep();
    return { generation: generationOf(candidate, candidate.chunks.filter(isBucket)), changed: this.#changed };
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
    for (const bucket of held.buckets) {
      const origin = originOf(held, bucket);
      for (const tenant of bucket.ids) {
        if (this.#isDue()) await this.#breathe();
        const shared = this.#table.entitlementOf(tenant);
        if (shared === undefined || this.exceptional.isQuarantined(tenant)) continue;
        const why = shared.unknownTo(policy);
        if (why !== undefined)
          this.#quarantine(tenant, { shared, cases: this.#table.watch.casesOf(tenant), why, origin });
      }
    }
  }

  async #applyChunks({ chunks }: Candidate, held: Generation): Promise<Bucket[]> {
    const isSameBucketing = held.buckets.length === chunks.length;
    const buckets: Bucket[] = [];
    for (const [i, chunk] of chunks.entries()) {
      if (!isStaged(chunk)) {
        buckets.push(chunk);
        continue;
      }
      const before = isSameBucketing ? held.buckets[i] : undefined;
      const origin = before === undefined ? undefined : originOf(held, before);
      await this.#applyChunk(chunk, before?.ids ?? NO_IDS, (tenant) => origin ?? findOrigin(held, tenant));
      buckets.push({ digest: chunk.digest, lines: chunk.lines, ids: chunk.ids });
    }
    if (!isSameBucketing) await this.#keepMissing(held, buckets);
    return buckets;
  }

  async #applyChunk(
    chunk: StagedChunk,
    before: readonly string[],
    originOfTenant: (tenant: string) => Origin | undefined,
  ): Promise<void> {
    for (const tenant of chunk.gone) this.#remove(tenant);
    let at = 0;
    const { policy } = this.#table.ground;
    const hasCases = chunk.cases.size > 0;
    for (let i = 0; i < chunk.ids.length; i += 1) {
      const tenant = chunk.ids[i] as string;
      if (this.#isDue()) await this.#breathe();
      for (; at < before.length && (before[at] as string) < tenant; at += 1) {
        this.#miss(before[at] as string, chunk.gone, originOfTenant);
      }
      if (before[at] === tenant) at += 1;
      const shared = chunk.profiles[chunk.profileAt[i] as number] as SharedProfile;
      const cases = (hasCases && shared.isRestricted ? chunk.cases.get(tenant) : undefined) ?? NO_CASES;
      const why = shared.unknownTo(policy);
      if (why === undefined) this.#place(tenant, shared, cases);
      else this.#quarantine(tenant, { shared, cases, why, origin: originOfTenant(tenant) });
    }
    for (; at < before.length; at += 1) this.#miss(before[at] as string, chunk.gone, originOfTenant);
  }

  /** After the number of buckets has changed: what no bucket has any more. */
  async #keepMissing(held: Generation, buckets: readonly Bucket[]): Promise<void> {
    for (const bucket of held.buckets) {
      const origin = originOf(held, bucket);
      for (const tenant of bucket.ids) {
        if (this.#isDue()) await this.#breathe();
        const now = buckets[bucketOf(tenant, buckets.length)]?.ids ?? NO_IDS;
        if (!isIn(now, tenant) && this.#table.entitlementOf(tenant) !== undefined) {
          this.exceptional.keepMissing(tenant, origin);
        }
      }
    }
  }

  #miss(tenant: string, gone: ReadonlySet<string>, originOfTenant: (tenant: string) => Origin | undefined): void {
    if (!gone.has(tenant)) this.exceptional.keepMissing(tenant, originOfTenant(tenant));
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
