import type { CapabilitySlots, CompiledPolicy, Lock, Moment } from "@dimmer/core";
import { coarseS } from "./coarse-seconds.ts";
import { ProfilePool } from "./profile-pool.ts";
import { type Ground, SharedProfile } from "./shared-profile.ts";
import type { Slicer } from "./slicer.ts";
import { StandingWatch } from "./standing-watch.ts";

/** What a new lock list changes, made ready to be put in place in one go. */
export interface LockChange {
  /** Profiles of tenants whose lock is new or another. */
  readonly set: ReadonlyMap<string, SharedProfile>;
  /** Tenants whose lock is gone. */
  readonly lifted: readonly string[];
}

const LOCKS_PER_LOOK = 64;
const NO_CASES: readonly string[] = [];

/**
 * The tenants: one map from id to shared profile, in which a locked tenant has a profile of its own that carries the
 * lock, so that whoever finds the tenant finds the lock. A tenant changes at once and whole.
 */
export class TenantTable {
  /** The map of the hot path. Nobody else changes it. */
  readonly profiles: Map<string, SharedProfile> = new Map();
  /** Now in coarse seconds, for the hot path; whoever keeps the time writes it. Until then nothing worked out counts. */
  nowS: number = coarseS(Number.POSITIVE_INFINITY);
  /** Where each capability stands in the tables of decisions, under the policy in force. */
  slots: CapabilitySlots;
  /** Where each feature stands in the answers that profiles keep, under the policy in force. */
  featureSlots: CapabilitySlots;
  readonly pool: ProfilePool = new ProfilePool();
  readonly watch: StandingWatch;
  /** For tenants that are not in the feed. */
  readonly unknown: SharedProfile;
  /** For ids that are none. */
  readonly illFormed: SharedProfile;
  /** The answer where data is missing. */
  readonly noData: SharedProfile;
  /**
   * Stands in the map for a tenant that is quarantined and had no entitlement before. It is never made ready, so that
   * the hot path passes on to where such answers are counted, and answered from `noData`.
   */
  readonly withheld: SharedProfile;
  /** Tenants with an entitlement that counts. */
  entitled = 0;
  #ground: Ground;
  /** Locked tenants. Their profiles stand in `profiles` as well. */
  readonly #locked = new Map<string, SharedProfile>();

  constructor(policy: CompiledPolicy, moment: () => Moment) {
    this.#ground = { policy, isHeld: false };
    this.slots = policy.slots;
    this.featureSlots = policy.featureSlots;
    this.unknown = new SharedProfile({ kind: "unknown" });
    this.illFormed = new SharedProfile({ kind: "ill-formed" });
    this.noData = new SharedProfile({ kind: "no-data" });
    this.withheld = new SharedProfile({ kind: "no-data" });
    this.watch = new StandingWatch({
      ground: () => this.#ground,
      moment,
      profileOf: (tenant) => this.profiles.get(tenant),
    });
  }

  get ground(): Ground {
    return this.#ground;
  }

  get lockedCount(): number {
    return this.#locked.size;
  }

  lockOf(tenant: string): Lock | undefined {
    const subject = this.#locked.get(tenant)?.subject;
    return subject?.kind === "locked" ? subject.lock : undefined;
  }

  /** The profile of a tenant's entitlement, whether or not it is locked. */
  entitlementOf(tenant: string): SharedProfile | undefined {
    const shared = this.profiles.get(tenant);
    return shared?.subject.kind === "locked" ? shared.subject.under : shared;
  }

  /**
   * Gives a tenant another entitlement, or none.
   *
   * @param cases of the restrictions, in their order
   * @returns whether anything changed
   */
  place(tenant: string, next: SharedProfile | undefined, cases: readonly string[] = NO_CASES): boolean {
    const before = this.profiles.get(tenant);
    // A locked tenant always stands in the map with its lock: one look-up tells both.
    const held = before?.subject.kind === "locked" ? before.subject : undefined;
    const under = held === undefined ? before : held.under;
    if (under === next && (next?.isRestricted !== true || isSame(cases, this.watch.casesOf(tenant)))) return false;
    if (next !== undefined && next !== this.withheld) this.entitled += 1;
    if (under !== undefined && under !== this.withheld) this.entitled -= 1;
    if (next !== undefined) this.pool.use(next);
    if (under !== undefined) this.pool.leave(under);
    const after = held === undefined ? next : new SharedProfile({ ...held, under: next });
    if (after === undefined) this.profiles.delete(tenant);
    else this.profiles.set(tenant, after);
    if (after !== undefined && held !== undefined) this.#locked.set(tenant, after);
    this.watch.placed(tenant, before, after, cases);
    return true;
  }

  /** Works out what a verified lock list changes. In slices; nothing is changed until `stand`. */
  async stageLocks(locks: readonly Lock[], slicer: Slicer): Promise<LockChange> {
    const set = new Map<string, SharedProfile>();
    const listed = new Set<string>();
    for (const [i, lock] of locks.entries()) {
      if (i % LOCKS_PER_LOOK === 0 && slicer.isDue()) await slicer.pause();
      listed.add(lock.tenant);
      const held = this.lockOf(lock.tenant);
      if (held !== undefined && isSameLock(held, lock)) continue;
      const under = this.entitlementOf(lock.tenant);
      set.set(lock.tenant, new SharedProfile({ kind: "locked", lock, under }));
    }
    return { set, lifted: [...this.#locked.keys()].filter((tenant) => !listed.has(tenant)) };
  }

  /** Puts a policy and a lock list in force in one go: nobody is answered in between. */
  stand(ground: Ground, locks: LockChange | undefined): void {
    if (ground.policy !== this.#ground.policy || ground.isHeld !== this.#ground.isHeld) {
      this.#ground = ground;
      this.slots = ground.policy.slots;
      this.featureSlots = ground.policy.featureSlots;
      this.expire();
    }
    for (const [tenant, shared] of locks?.set ?? []) {
      const before = this.profiles.get(tenant);
      const cases = this.watch.casesOf(tenant);
      this.#locked.set(tenant, shared);
      this.profiles.set(tenant, shared);
      this.watch.placed(tenant, before, shared, cases);
    }
    for (const tenant of locks?.lifted ?? []) {
      const before = this.profiles.get(tenant);
      const under = this.entitlementOf(tenant);
      const cases = this.watch.casesOf(tenant);
      this.#locked.delete(tenant);
      if (under === undefined) this.profiles.delete(tenant);
      else this.profiles.set(tenant, under);
      this.watch.placed(tenant, before, under, cases);
    }
  }

  /** Makes every profile work its answers out anew: freshness, the horizon or the clock is another. */
  expire(): void {
    for (const shared of this.pool.values()) shared.expire();
    for (const shared of this.#locked.values()) shared.expire();
    for (const shared of [this.unknown, this.illFormed, this.noData]) shared.expire();
  }
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function isSameLock(a: Lock, b: Lock): boolean {
  return a.cause === b.cause && a.case === b.case && a.sinceMs === b.sinceMs && isSame(a.allow, b.allow);
}
