import type { CompiledPolicy, Lock } from "@dimmer/core";
import { compareVersions, type HeadPayload, type IndexPayload, msFromWire, type Version } from "@dimmer/statement";
import { Applier } from "./applier.ts";
import type { EventHub } from "./event-hub.ts";
import type { FrameRing } from "./frame-ring.ts";
import type { Candidate, Generation, NamedStatement, VerifiedHead } from "./generation.ts";
import type { PartsKeeper } from "./parts-keeper.ts";
import type { ReplicaTime, TimeChange } from "./replica-time.ts";
import type { Slicer } from "./slicer.ts";
import type { StagedDelta } from "./staged-delta.ts";
import type { TenantTable } from "./tenant-table.ts";

/** What the state is made of. */
export interface StateParts {
  /** Makes a table with nothing in it. */
  readonly newTable: () => TenantTable;
  /** From here on answers come from this table. */
  readonly onTable: (table: TenantTable) => void;
  readonly time: ReplicaTime;
  readonly events: EventHub;
  readonly ring: FrameRing;
  /** Of time something changed that answers depend on. */
  readonly onTime: (change: TimeChange) => void;
}

/**
 * What is in force: the generation listed last, what deltas changed since, the policy and the lock list, each at its
 * version. It verifies nothing, and whoever changes it does so one at a time.
 */
export class FeedState {
  readonly slicer: Slicer;
  readonly #parts: StateParts;
  readonly #keeper: PartsKeeper;
  #table: TenantTable;
  #applier: Applier;
  #generation: Generation | undefined;
  #version: Version | undefined;
  #policy: NamedStatement<CompiledPolicy> | undefined;
  /** The newest version whose policy is known to be the one in force. */
  #policyAt: Version | undefined;
  #locks: NamedStatement<readonly Lock[]> | undefined;
  #locksVersion: Version | undefined;
  /** The newest head ever verified: a version never goes down, also where what it names is lost (F1). */
  #seen: HeadPayload | undefined;
  #seenIndex: NamedStatement<IndexPayload> | undefined;
  /** The newest head that is in force, and whether this process received it and set the clock by it. */
  #live: VerifiedHead | undefined;
  #isLiveReceived = false;
  /** Whether the store is being loaded, and a first generation of it waits for what came after it. */
  #isLoading = false;
  #isFirstHeldBack = false;
  /** Whether a first generation counts, and readiness waits for what its head says came after it. */
  #isCatchingUp = false;

  constructor(parts: StateParts, keeper: PartsKeeper, slicer: Slicer) {
    this.#parts = parts;
    this.#keeper = keeper;
    this.slicer = slicer;
    this.#table = parts.newTable();
    this.#applier = this.#applierOf(this.#table);
    parts.onTable(this.#table);
  }

  get table(): TenantTable {
    return this.#table;
  }

  get applier(): Applier {
    return this.#applier;
  }

  /** The generation listed last, under the newest head that names its index. */
  get generation(): Generation | undefined {
    return this.#generation;
  }

  /** Whether answers come from a generation: not from one whose frames are still being loaded. */
  get isInForce(): boolean {
    return this.#generation !== undefined && !this.#isLoading;
  }

  /** Whether one may rely on what is in force: not while what came after it is known to be missing. */
  get isReady(): boolean {
    return this.isInForce && !this.#isCatchingUp;
  }

  /** Whether all is in force that the newest head says there is: an index may be a minute older than its head. */
  get isCaughtUp(): boolean {
    const seen = this.#seen;
    if (seen === undefined || this.#generation === undefined) return false;
    return !isAfter(seen, this.#version) && !isAfter(seen.locks, this.#locksVersion);
  }

  /** Version of the entitlements in force. */
  get version(): Version | undefined {
    return this.#version;
  }

  get policy(): NamedStatement<CompiledPolicy> | undefined {
    return this.#policy;
  }

  get policyAt(): Version | undefined {
    return this.#policyAt;
  }

  get locks(): NamedStatement<readonly Lock[]> | undefined {
    return this.#locks;
  }

  get locksVersion(): Version | undefined {
    return this.#locksVersion;
  }

  get seen(): HeadPayload | undefined {
    return this.#seen;
  }

  /** The newest index that the store had, whatever became of its chunks. */
  get seenIndex(): NamedStatement<IndexPayload> | undefined {
    return this.#seenIndex;
  }

  get live(): VerifiedHead | undefined {
    return this.#live;
  }

  get isLiveReceived(): boolean {
    return this.#isLiveReceived;
  }

  /** The generation as a list is held against it: with the policy and the lock list in force. */
  get held(): Generation | undefined {
    const generation = this.#generation;
    if (generation === undefined || this.#policy === undefined || this.#locks === undefined) return undefined;
    return { ...generation, policy: this.#policy, locks: this.#locks };
  }

  /** A table that nobody is answered from yet, for the first generation. */
  newFirst(): { readonly table: TenantTable; readonly applier: Applier } {
    const table = this.#parts.newTable();
    return { table, applier: this.#applierOf(table) };
  }

  /**
   * Holds a first generation back until `endLoad`: after a restart nobody is answered from less than was in force before
   * it (F1), and the frames that came after a generation are as old as it is.
   */
  beginLoad(): void {
    this.#isLoading = true;
  }

  /** Answers from what was loaded, all of it at once. */
  async endLoad(): Promise<void> {
    const isFirst = this.#isFirstHeldBack;
    if (isFirst) {
      this.#table.expire();
      this.#parts.onTable(this.#table);
    }
    this.#isLoading = false;
    if (isFirst) await this.#tellReady();
  }

  /** Nobody is told that a first generation is ready until `endCatchUp`; it is answered from all the same. */
  beginCatchUp(): void {
    this.#isCatchingUp = true;
  }

  /** Whether a first generation counts that waits for `endCatchUp`. */
  get isAwaitingCatchUp(): boolean {
    return this.#isCatchingUp && this.#generation !== undefined;
  }

  /** Tells that the first generation is ready. */
  async endCatchUp(): Promise<void> {
    if (!this.isAwaitingCatchUp) return;
    this.#isCatchingUp = false;
    await this.#tellReady();
  }

  /** Tells subscribers of the modes that have changed. */
  tellModes(): void {
    for (const change of this.#table.watch.takeChanges()) this.#parts.events.emit({ type: "mode", ...change });
  }

  /** Notes that a head was verified: nothing older is taken from here on. */
  noteHead(head: HeadPayload): void {
    if (this.#seen === undefined || compareVersions(head, this.#seen) >= 0) this.#seen = head;
  }

  /** Notes that an index was in force before the restart: likewise. */
  noteIndex(index: NamedStatement<IndexPayload>): void {
    if (isAfter(index.value, this.#seenIndex?.value)) this.#seenIndex = index;
  }

  /**
   * Puts a verified generation in force, but not what is older of it than what is. What `complete` does counts before
   * anything is told.
   */
  async applyGeneration(
    candidate: Candidate,
    isReceived: boolean,
    complete?: (generation: Generation) => Promise<void>,
  ): Promise<void> {
    const { head, first } = candidate;
    const isLocksNewer = isAfter(head.payload.locks, this.#locksVersion);
    const isPolicyNewer = !isAfter(this.#policyAt, head.payload);
    const locks = isLocksNewer ? candidate.locks : (this.#locks ?? candidate.locks);
    const policy = isPolicyNewer ? candidate.policy : (this.#policy ?? candidate.policy);
    const held = this.#generation;
    let generation: Generation;
    let isNewPolicy = false;
    if (first !== undefined && held === undefined) {
      this.#table = first.table;
      this.#applier = first.applier;
      generation = await this.#applier.finish(candidate, locks.value);
    } else {
      isNewPolicy = await this.#stand(policy, locks);
      generation = await this.#applier.apply(candidate, held as Generation);
    }
    await complete?.(generation);
    if (first !== undefined && !this.#isLoading) this.#parts.onTable(this.#table);
    this.#generation = generation;
    this.#holdPolicy(policy, isPolicyNewer ? head.payload : (this.#policyAt as Version));
    this.#locks = locks;
    if (isLocksNewer) this.#locksVersion = versionOf(head.payload.locks);
    const { value: index } = generation.index;
    if (isAfter(index, this.#version)) this.#version = versionOf(index);
    this.#keeper.hold(generation);
    this.acceptHead(head, isReceived);
    if (isNewPolicy) await this.#lookAtAll();
    if (first !== undefined && this.#isLoading) this.#isFirstHeldBack = true;
    else if (this.#isCatchingUp) return;
    else if (first !== undefined) await this.#tellReady();
    else this.tellApplied();
  }

  /** Puts a newer lock list in force, with or without a generation. */
  async applyLocks(locks: NamedStatement<readonly Lock[]>, version: Version): Promise<void> {
    await this.#applier.stand({ locks: locks.value }, this.#generation);
    this.#locks = locks;
    this.#locksVersion = versionOf(version);
  }

  /** Puts the policy of a newer version in force. */
  async applyPolicy(policy: NamedStatement<CompiledPolicy>, at: Version): Promise<void> {
    const isNew = await this.#stand(policy, this.#locks);
    this.#holdPolicy(policy, at);
    if (isNew) await this.#lookAtAll();
  }

  /** Puts a delta in force that follows the version that is. */
  async applyDelta(delta: StagedDelta): Promise<void> {
    await this.#applier.applyDelta(delta, this.#generation as Generation);
    this.#version = versionOf(delta);
    // It names the policy in force, or a newer head did.
    if (isAfter(delta, this.#policyAt)) this.#policyAt = versionOf(delta);
  }

  /** Takes the time of contact of a verified head that brings nothing beyond what is in force. */
  acceptHead(head: VerifiedHead, isReceived: boolean): void {
    const { time, onTime, ring } = this.#parts;
    const { payload } = head;
    this.noteHead(payload);
    this.#standUnder(head);
    // A list may take long, and a stream have brought a newer head meanwhile.
    if (this.#live !== undefined && isSignedBefore(payload, this.#live.payload)) return;
    this.#live = head;
    this.#isLiveReceived = isReceived;
    const { iat, fresh_until: freshUntil } = payload;
    onTime(time.acceptHead({ iatMs: msFromWire(iat), freshUntilMs: msFromWire(freshUntil) }, isReceived));
    // Whoever follows takes a head that is ahead of its version for a sign that it missed something.
    if (this.#version !== undefined && compareVersions(payload, this.#version) === 0) {
      ring.setHead(head.token, this.#version);
    }
  }

  /** Tells who was changed since it was told last. */
  tellApplied(): void {
    const version = this.#version;
    if (version !== undefined && !this.#isLoading && !this.#isCatchingUp) {
      this.#parts.events.emit({ type: "applied", version, tenants: this.#applier.takeChanged() });
    }
  }

  async #tellReady(): Promise<void> {
    // What time brings from here on is news; what the first generation brought was nobody's before.
    await this.#table.watch.scan(this.slicer, true);
    this.#table.watch.isTelling = true;
    this.#parts.events.emit({ type: "ready" });
    this.tellApplied();
  }

  /** The generation stands under the newest head that names its index, and policy and lock list as they are in force. */
  #standUnder(head: VerifiedHead): void {
    const generation = this.#generation;
    const [policy, locks] = [this.#policy, this.#locks];
    if (generation === undefined || policy === undefined || locks === undefined) return;
    const { index, policy: policyDigest, locks: named } = head.payload;
    if (isSignedBefore(head.payload, generation.head.payload)) return;
    if (index !== generation.index.digest || policyDigest !== policy.digest || named.digest !== locks.digest) return;
    this.#generation = { ...generation, head, policy, locks };
    this.#keeper.holdStatements(this.#generation);
  }

  async #stand(
    policy: NamedStatement<CompiledPolicy>,
    locks: NamedStatement<readonly Lock[]> | undefined,
  ): Promise<boolean> {
    const isNewLocks = locks !== undefined && locks.digest !== this.#locks?.digest;
    const ground = { policy: policy.value, ...(isNewLocks ? { locks: locks.value } : {}) };
    return await this.#applier.stand(ground, this.#generation);
  }

  #holdPolicy(policy: NamedStatement<CompiledPolicy>, at: Version): void {
    this.#policy = policy;
    this.#policyAt = versionOf(at);
    this.#parts.onTime(this.#parts.time.acceptPolicy(policy.value.stepDownForMs));
  }

  async #lookAtAll(): Promise<void> {
    await this.#table.watch.scan(this.slicer, true);
    this.tellModes();
  }

  #applierOf(table: TenantTable): Applier {
    const { onTime, time } = this.#parts;
    return new Applier(table, this.slicer, {
      onStand: ({ stepDownForMs }) => {
        onTime(time.acceptPolicy(stepDownForMs));
        this.tellModes();
      },
      onSlice: () => this.tellModes(),
    });
  }
}

/** Whether a version is newer than another; any is newer than none, and none newer than any. */
function isAfter(version: Version | undefined, than: Version | undefined): boolean {
  return version !== undefined && (than === undefined || compareVersions(version, than) > 0);
}

function isSignedBefore(head: HeadPayload, other: HeadPayload): boolean {
  return (compareVersions(head, other) || head.iat - other.iat) < 0;
}

function versionOf({ epoch, seq }: Version): Version {
  return { epoch, seq };
}
