import {
  type Ask,
  type CompiledPolicy,
  type Decision,
  DimmerError,
  decide,
  type FeatureDecision,
  type FeatureValue,
  isTenantId,
  type Principal,
  type Standing,
  standingOf,
  valueInForce,
} from "@dimmer/core";
import { compareVersions, type TrustedKeys, type Version } from "@dimmer/statement";
import { AckSender } from "./ack-sender.ts";
import { EventHub } from "./event-hub.ts";
import type { ReplicaEvent } from "./events.ts";
import { FeedFollower, type FollowerParts } from "./feed-follower.ts";
import { FollowerAcks } from "./follower-acks.ts";
import { FrameRing } from "./frame-ring.ts";
import type { PartKind, ReplicaAck, ReplicaTimer, WatchEvent } from "./ports.ts";
import type { AboutTenant, Footing, Replica } from "./replica.ts";
import { ReplicaTime, type TimeChange } from "./replica-time.ts";
import type { SharedProfile } from "./shared-profile.ts";
import type { ReplicaStatus } from "./status.ts";
import { TenantTable } from "./tenant-table.ts";

/** What `followFeed` makes a replica of. */
export type ReplicaParts = Omit<FollowerParts, "newTable" | "onTable" | "time" | "events" | "ring" | "onTime"> & {
  readonly fallbackPolicy: CompiledPolicy;
};

/** How often the coarse clock is read. */
const TICK_MS = 20;

/** The replica. Answers are given here; how its table comes to hold what it holds is the follower's. */
export class FollowedReplica implements Replica {
  #table: TenantTable;
  readonly #time: ReplicaTime;
  readonly #events: EventHub;
  readonly #follower: FeedFollower;
  readonly #frames: FrameRing;
  readonly #followerAcks: FollowerAcks;
  readonly #acks: AckSender;
  readonly #parts: ReplicaParts;
  readonly #ticker: ReplicaTimer;
  readonly #waiters = new Set<{ readonly resolve: () => void; readonly reject: (error: DimmerError) => void }>();
  #closing: Promise<void> | undefined;
  #isScanning = false;
  #isScanWanted = false;
  #unstatedPrincipal = 0;
  #unknownTenant = 0;
  #noData = 0;

  constructor(parts: ReplicaParts) {
    const { clock, log, fallbackPolicy } = parts;
    this.#parts = parts;
    this.#time = new ReplicaTime(clock, fallbackPolicy.stepDownForMs);
    const newTable = (): TenantTable => new TenantTable(fallbackPolicy, () => this.#time.moment);
    this.#table = newTable();
    this.#events = new EventHub(log);
    this.#frames = new FrameRing(log);
    this.#followerAcks = new FollowerAcks(clock);
    this.#follower = new FeedFollower({
      ...parts,
      ring: this.#frames,
      newTable,
      onTable: (table) => {
        this.#table = table;
        table.nowS = this.#time.nowS;
      },
      time: this.#time,
      events: this.#events,
      onTime: (change) => this.#onTime(change),
    });
    this.#acks = new AckSender({ ...parts, followers: this.#followerAcks, own: () => this.#ownAck() });
    this.#events.subscribe((event) => {
      if (event.type === "ready") this.#onReady();
    });
    this.#ticker = clock.every(TICK_MS, () => this.#tick());
    void this.#follower.start();
  }

  check(tenant: string, capability: string, principal?: Principal): Decision {
    const table = this.#table;
    const shared = table.profiles.get(tenant);
    if (shared !== undefined && table.nowS < shared.untilS) {
      const decision = table.slots.findIn(shared.table, capability, principal);
      if (decision !== undefined) {
        if (principal === undefined) this.#unstatedPrincipal += 1;
        return decision;
      }
    }
    return this.#answer(tenant, principal === undefined ? { capability } : { capability, principal });
  }

  checkFeature(tenant: string, feature: string): FeatureDecision {
    const table = this.#table;
    const shared = table.profiles.get(tenant);
    if (shared !== undefined && table.nowS < shared.untilS) {
      const { features } = shared;
      const slot = table.featureSlots.find(feature);
      if (slot !== -1 && slot < features.length) {
        const decision = features[slot];
        if (decision !== undefined) {
          this.#unstatedPrincipal += 1;
          return decision;
        }
      }
    }
    return this.#answer(tenant, { feature }) as FeatureDecision;
  }

  ask(tenant: string, ask: Ask, atLeast?: Version): Decision | FeatureDecision {
    const { version } = this;
    if (atLeast === undefined || (version !== undefined && !(compareVersions(version, atLeast) < 0))) {
      return this.#answer(tenant, ask);
    }
    const lock = this.#table.lockOf(tenant);
    const isIllFormed = !isTenantId(tenant);
    const state = { policy: this.policy, held: false, isIllFormed, ...(lock === undefined ? {} : { lock }) };
    return this.#count(decide(state, sane(ask), this.#time.moment), ask);
  }

  value(tenant: string, feature: string): FeatureValue | undefined {
    return typeof feature === "string" ? valueInForce(this.#standingOf(tenant), feature) : undefined;
  }

  about(tenant: string): AboutTenant {
    const terms = this.#table.entitlementOf(tenant)?.terms;
    const cases = this.#table.watch.casesOf(tenant);
    const lock = this.#table.lockOf(tenant);
    const restrictions = terms?.restrictions?.map((restriction, i) => ({ ...restriction, case: cases[i] ?? "" }));
    return {
      standing: this.#standingOf(tenant),
      cases,
      ...(lock === undefined ? {} : { lock }),
      ...(terms === undefined
        ? {}
        : { entitlement: { ...terms, tenant, ...(restrictions === undefined ? {} : { restrictions }) } as const }),
    } as AboutTenant;
  }

  footing(tenant: string): Footing {
    const shared = this.#sharedOf(tenant);
    const isDue = this.#time.nowMs >= shared.profile.untilMs;
    if (isDue) shared.settle(this.#table.ground).update(this.#time.moment);
    return { basis: shared.profile.basis, cases: this.#table.watch.casesOf(tenant) };
  }

  get policy(): CompiledPolicy {
    return this.#table.ground.policy;
  }

  get version(): Version | undefined {
    const { isInForce, version } = this.#follower.state;
    return isInForce ? version : undefined;
  }

  get isReady(): boolean {
    return this.#follower.state.isReady;
  }

  get keys(): TrustedKeys | undefined {
    return this.#follower.keyring.keys;
  }

  get clockMs(): number {
    return this.#time.nowMs;
  }

  async ready(): Promise<void> {
    if (this.isReady) return;
    if (this.#closing !== undefined) throw closedError();
    await new Promise<void>((resolve, reject) => this.#waiters.add({ resolve, reject }));
  }

  async refresh(): Promise<void> {
    await this.#follower.poll();
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  subscribe(listener: (event: ReplicaEvent) => void): () => void {
    return this.#events.subscribe(listener);
  }

  async readPart(kind: PartKind, digest: string): Promise<Uint8Array | undefined> {
    try {
      return await this.#follower.keeper.readHeld({ kind, digest });
    } catch (error) {
      this.#parts.log.error({ err: error, kind, digest }, "a part cannot be read");
      return undefined;
    }
  }

  readHead(): { readonly token: string; readonly etag: string } | undefined {
    const { generation, locksVersion } = this.#follower.state;
    // A lock list may be in force that is newer than the one the head names: such a head is no longer the truth, and is
    // not passed on.
    if (!this.isReady || generation === undefined || locksVersion === undefined) return undefined;
    if (compareVersions(generation.head.payload.locks, locksVersion) < 0) return undefined;
    return { token: generation.head.token, etag: `"${generation.head.digest}"` };
  }

  readKeysets(): readonly string[] {
    return this.#follower.keyring.tokens;
  }

  framesSince(
    from: Version,
    { tenants = true }: { readonly tenants?: boolean } = {},
  ): readonly WatchEvent[] | "list again" {
    return this.#frames.since(from, tenants);
  }

  onFrames(listener: (frames: readonly WatchEvent[]) => void): () => void {
    return this.#frames.listen(listener);
  }

  noteFollower(ack: ReplicaAck): void {
    this.#followerAcks.note(ack);
  }

  status(): ReplicaStatus {
    const { version, isReady, keys } = this;
    const { state, health, refusals, followers } = this.#follower;
    const { policy, locksVersion, applier } = state;
    const { freshness, horizonMs, head, nowMs, wallJumps } = this.#time;
    const { watch, entitled, lockedCount } = this.#table;
    return {
      isReady,
      ...(version === undefined ? {} : { version }),
      ...(locksVersion === undefined ? {} : { locksVersion }),
      ...(keys === undefined ? {} : { keysetVersion: keys.version }),
      ...(policy === undefined ? {} : { policy: policy.digest }),
      freshness,
      ...(head === undefined ? {} : { horizonMs, freshUntilMs: head.freshUntilMs }),
      nowMs,
      tenants: entitled,
      restricted: watch.size,
      locked: lockedCount,
      quarantine: applier.exceptional.list(),
      refusals: refusals.status(),
      sources: followers.map((follower) => follower.status),
      ...(health.status === undefined ? {} : { store: health.status }),
      counters: {
        wallJumps,
        unknownTenant: this.#unknownTenant,
        noData: this.#noData,
        unstatedPrincipal: this.#unstatedPrincipal,
        narrowedPerMinute: watch.narrowedPerMinute(this.#parts.clock.monotonicMs()),
        keptMissing: applier.exceptional.missingCount,
      },
    };
  }

  /** Whatever the table does not answer at once: due, unknown, ill-formed, a feature, or no proper question. */
  #answer(tenant: string, ask: Ask): Decision | FeatureDecision {
    const { ground } = this.#table;
    const shared = this.#sharedOf(tenant);
    const decision = shared.settle(ground).answer(sane(ask), this.#time.moment);
    shared.keepTable(ground);
    return this.#count(decision, ask);
  }

  #count<D extends Decision>(decision: D, ask: Ask): D {
    if (ask?.principal === undefined) this.#unstatedPrincipal += 1;
    if (decision.reason === "unknown_tenant") this.#unknownTenant += 1;
    else if (decision.reason === "no_data") this.#noData += 1;
    return decision;
  }

  #standingOf(tenant: string): Standing {
    return standingOf(this.#sharedOf(tenant).stateOn(this.#table.ground), this.#time.moment);
  }

  #sharedOf(tenant: string): SharedProfile {
    const shared = this.#table.profiles.get(tenant);
    // What stands in the map for a withheld tenant is never asked itself: see there.
    if (shared !== undefined) return shared === this.#table.withheld ? this.#table.noData : shared;
    return isTenantId(tenant) ? this.#table.unknown : this.#table.illFormed;
  }

  #tick(): void {
    this.#onTime(this.#time.update());
    this.#table.watch.tick(this.#parts.clock.monotonicMs());
    if (this.#table.watch.isDue(this.#time.nowMs)) this.#scan(false);
    this.#follower.tick();
    this.#acks.tick(this.version);
  }

  #onTime({ isBreak, isFreshnessChanged }: TimeChange): void {
    this.#table.nowS = this.#time.nowS;
    if (isBreak || isFreshnessChanged) this.#table.expire();
    // The first generation is told as a whole, once it is in force.
    const isTold = isFreshnessChanged && this.#table.watch.isTelling;
    if (isTold) this.#events.emit({ type: "freshness", freshness: this.#time.freshness });
    if (isBreak) this.#scan(true);
  }

  /** Looks for modes that time has changed. One scan at a time; what is wanted meanwhile follows. */
  #scan(isBreak: boolean): void {
    if (this.#isScanning) {
      this.#isScanWanted ||= isBreak;
      return;
    }
    this.#isScanning = true;
    void this.#table.watch.scan(this.#follower.state.slicer, isBreak).then(() => {
      this.#isScanning = false;
      this.#follower.state.tellModes();
      if (!this.#isScanWanted) return;
      this.#isScanWanted = false;
      this.#scan(true);
    });
  }

  #onReady(): void {
    const { version } = this;
    this.#parts.log.info({ ...version, tenants: this.#table.entitled }, "the replica is ready");
    for (const { resolve } of this.#waiters) resolve();
    this.#waiters.clear();
  }

  #ownAck(): ReplicaAck | undefined {
    const { version } = this;
    const { name, state, refusals } = this.#follower;
    if (version === undefined || name === undefined) return undefined;
    const quarantine = state.applier.exceptional.quarantinedCount;
    return { replica: name, ...version, followers: 0, quarantine, refusals: refusals.status().count };
  }

  async #close(): Promise<void> {
    this.#ticker.stop();
    await this.#acks.stop();
    await this.#follower.stop();
    for (const { reject } of this.#waiters) reject(closedError());
    this.#waiters.clear();
  }
}

function closedError(): DimmerError {
  return new DimmerError("feed_unreachable", "the replica was closed before it was ready");
}

/** A question as the types have it, out of whatever a caller without types gave. */
function sane(ask: Ask): Ask {
  const { capability, feature, usage, principal } = (typeof ask === "object" && ask !== null ? ask : {}) as Ask;
  return {
    ...(typeof capability === "string" ? { capability } : {}),
    ...(typeof feature === "string" ? { feature } : {}),
    ...(typeof usage === "object" && usage !== null ? { usage } : {}),
    // Whatever was stated and is no class has what every class has: it must not pass for unstated.
    ...(principal === undefined ? {} : { principal: (typeof principal === "string" ? principal : "") as Principal }),
  };
}
