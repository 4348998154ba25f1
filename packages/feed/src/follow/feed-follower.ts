import { DimmerError, type Lock } from "@dimmer/core";
import { compareVersions, type HeadPayload, msFromWire, type TrustedKeys, type Version } from "@dimmer/statement";
import { Applier } from "./applier.ts";
import type { EventHub } from "./event-hub.ts";
import type { Candidate, Generation, GenerationStatements, NamedStatement, VerifiedHead } from "./generation.ts";
import { compareHeads, type IntakeTools, readVerified, takeGeneration, verifyHead } from "./intake.ts";
import { IntakeQueue } from "./intake-queue.ts";
import { Keyring } from "./keyring.ts";
import type { PartName } from "./part-fault.ts";
import { PartsKeeper } from "./parts-keeper.ts";
import type { FeedSource, GenerationStore, ReplicaClock, ReplicaLog } from "./ports.ts";
import { Refusals } from "./refusals.ts";
import type { ReplicaTime, TimeChange } from "./replica-time.ts";
import { Slicer } from "./slicer.ts";
import { SourceFollower, type SourceSink } from "./source-follower.ts";
import { loadStored } from "./stored-generations.ts";
import type { TenantTable } from "./tenant-table.ts";

/** What a follower is made of. */
export interface FollowerParts {
  readonly sources: readonly FeedSource[];
  readonly trust: readonly string[];
  readonly audience: string;
  readonly store: GenerationStore | undefined;
  readonly clock: ReplicaClock;
  readonly pollMs: number;
  readonly random: () => number;
  readonly log: ReplicaLog;
  /** Makes a table with nothing in it. */
  readonly newTable: () => TenantTable;
  /** From here on answers come from this table. */
  readonly onTable: (table: TenantTable) => void;
  readonly time: ReplicaTime;
  readonly events: EventHub;
  /** Of time something changed that answers depend on. */
  readonly onTime: (change: TimeChange) => void;
}

/** How long an update waits for the disk before it counts all the same. */
const DISK_PATIENCE_MS = 2_000;

/** Keeps the table of a replica at the newest verified generation. It answers nothing. */
export class FeedFollower implements SourceSink {
  readonly keyring: Keyring;
  readonly keeper: PartsKeeper;
  readonly refusals: Refusals = new Refusals();
  readonly slicer: Slicer;
  readonly followers: readonly SourceFollower[];
  readonly #parts: FollowerParts;
  readonly #queue: IntakeQueue;
  /** The table in force, and what changes it; the first generation brings its own. */
  #table: TenantTable;
  #applier: Applier;
  #generation: Generation | undefined;
  #locksVersion: Version | undefined;
  /** The newest head ever verified: a version never goes down, also where what it names is lost (F1). */
  #seen: HeadPayload | undefined;
  /** Whether the head in force was received by this process, and set the clock. */
  #isHeadReceived = false;
  #starting: Promise<void> = Promise.resolve();

  constructor(parts: FollowerParts) {
    const { clock, log, store } = parts;
    this.#parts = parts;
    this.#queue = new IntakeQueue(clock);
    this.keyring = new Keyring(parts.trust, parts.audience);
    this.slicer = new Slicer(clock);
    this.keeper = new PartsKeeper({ store, clock, log, recover: (part) => this.#recover(part) });
    this.#table = parts.newTable();
    this.#applier = this.#applierOf(this.#table);
    parts.onTable(this.#table);
    const { pollMs, random } = parts;
    this.followers = parts.sources.map((source) => new SourceFollower(source, this, { clock, pollMs, random }));
  }

  get table(): TenantTable {
    return this.#table;
  }

  get applier(): Applier {
    return this.#applier;
  }

  get generation(): Generation | undefined {
    return this.#generation;
  }

  /** Version of the lock list in force. */
  get locksVersion(): Version | undefined {
    return this.#locksVersion;
  }

  /** Loads what the store has, then polls the sources. Resolves when each has been polled once. Never rejects. */
  async start(): Promise<void> {
    this.#starting = this.#queue.run(() => this.#load());
    await this.#starting;
    await this.poll();
  }

  async poll(): Promise<void> {
    await this.#starting;
    await Promise.all(this.followers.map((follower) => follower.poll()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.followers.map((follower) => follower.stop()));
    await this.#queue.settle();
    const generation = this.#generation;
    if (generation !== undefined && !this.keeper.isSaved(generation.head.token)) this.#save(generation);
    await this.keeper.settle();
  }

  get log(): ReplicaLog {
    return this.#parts.log;
  }

  nowMs(): number {
    return this.#parts.time.nowMs;
  }

  /** Called every few milliseconds. */
  tick(): void {
    const generation = this.#generation;
    if (generation !== undefined && this.keeper.isSaveDue(generation.head.token)) this.#save(generation);
  }

  /** Tells subscribers of the modes that have changed. */
  tellModes(): void {
    for (const change of this.#table.watch.takeChanges()) this.#parts.events.emit({ type: "mode", ...change });
  }

  async takeKeysets(source: FeedSource, signal?: AbortSignal): Promise<void> {
    const tokens = await source.keysets(signal ?? this.#signalOf(source));
    try {
      await this.keyring.take(tokens);
    } catch (error) {
      // A mirror that lags is no danger: what it serves has to verify under the keys that are held.
      const isLagging = error instanceof DimmerError && error.code === "statement_outdated";
      if (!isLagging || this.keyring.keys === undefined) throw error;
    }
  }

  async takeHead(source: FeedSource, token: string): Promise<void> {
    await this.#queue.run(async (patience) => {
      const signal = AbortSignal.any([patience, this.#signalOf(source)]);
      await this.#takeHead(source, token, signal);
    });
    this.refusals.clear(source.name);
  }

  onFault(source: FeedSource, error: DimmerError, isRefusal: boolean, token: string | undefined): void {
    if (isRefusal) this.refuse(source.name, error, token);
    else if (this.refusals.addFault(source.name, error)) {
      this.#parts.log.warn({ source: source.name, code: error.code }, `the feed cannot be read: ${error.message}`);
    }
  }

  /** Reports an update that was refused whole. */
  refuse(source: string, error: DimmerError, about?: string): void {
    const { code, message } = error;
    if (!this.refusals.add(source, error, this.nowMs(), about)) return;
    this.#parts.log.error({ source, code }, `an update is refused, the last good state stays in force: ${message}`);
    this.#parts.events.emit({ type: "refused", code, message, source });
  }

  async #takeHead(source: FeedSource, token: string, signal: AbortSignal): Promise<void> {
    const isReceived = source.kind === "network";
    const held = this.#generation;
    if (token === held?.head.token) {
      if (isReceived && !this.#isHeadReceived) this.#renew(held.head, isReceived);
      return;
    }
    const { head, keys } = await this.#verifyHead(source, token, signal);
    const relation = this.#seen === undefined ? "newer" : compareHeads(head.payload, this.#seen);
    if (relation === "same" && held !== undefined && compareVersions(held.head.payload, head.payload) === 0) {
      if (head.payload.iat > held.head.payload.iat) this.#renew(head, isReceived);
      return;
    }
    const read: IntakeTools["read"] = async (kind, digest) => {
      signal.throwIfAborted();
      return (await this.keeper.read({ kind, digest })) ?? (await source.part(kind, digest, signal));
    };
    const candidate = await this.take(head, {
      keys,
      read,
      isOwner: source.givesBytesAway === true,
      onStatements: ({ index }) => this.keeper.want(index.value.chunks),
      onChunk: (digest, bytes) => this.keeper.keepChunk(digest, bytes),
    });
    await this.#saveAhead(candidate);
    await this.apply(candidate, isReceived);
    if (this.applier.exceptional.isCarrying) this.#save(this.#generation as Generation);
  }

  /** Verifies all that a head names. @throws {DimmerError} */
  async take(
    head: VerifiedHead,
    how: Pick<IntakeTools, "keys" | "read" | "isOwner" | "onStatements" | "onChunk">,
  ): Promise<Candidate> {
    if (this.#generation === undefined) return await this.#takeFirst(head, how);
    const { pool } = this.#table;
    try {
      return await takeGeneration(head, { ...how, held: this.#generation, pool, slicer: this.slicer });
    } catch (error) {
      pool.sweep();
      throw error;
    }
  }

  /**
   * Takes the first generation straight into a table of its own, chunk by chunk as they verify: it counts once all of it
   * has, and if it does not, the table is let go. A million tenants are staged nowhere else.
   */
  async #takeFirst(head: VerifiedHead, how: Parameters<FeedFollower["take"]>[1]): Promise<Candidate> {
    const table = this.#parts.newTable();
    const applier = this.#applierOf(table);
    const candidate = await takeGeneration(head, {
      ...how,
      held: undefined,
      pool: table.pool,
      slicer: this.slicer,
      onStatements: (statements) => {
        how.onStatements?.(statements);
        applier.begin(statements);
      },
      place: (chunk) => applier.place(chunk),
    });
    return { ...candidate, first: { table, applier } };
  }

  /** Puts a verified generation in force, and tells. What `complete` does counts before anything is told. */
  async apply(
    candidate: Candidate,
    isReceived: boolean,
    complete?: (generation: Generation) => Promise<void>,
  ): Promise<void> {
    const { events, onTable, onTime, time } = this.#parts;
    const { first } = candidate;
    if (first !== undefined) {
      this.#table = first.table;
      this.#applier = first.applier;
    }
    const held = this.#generation;
    const { generation, changed } =
      held === undefined ? await this.#applier.finish(candidate) : await this.#applier.apply(candidate, held);
    await complete?.(generation);
    if (first !== undefined) {
      onTable(this.#table);
      onTime(time.acceptPolicy(generation.policy.value.stepDownForMs));
    }
    this.#generation = generation;
    this.#locksVersion = versionOf(generation.head.payload.locks);
    this.noteHead(generation.head.payload);
    this.keeper.hold(generation);
    this.#renew(generation.head, isReceived);
    if (first !== undefined) {
      // What time brings from here on is news; what the first generation brought was nobody's before.
      await this.#table.watch.scan(this.slicer, true);
      this.#table.watch.isTelling = true;
      events.emit({ type: "ready" });
    }
    events.emit({ type: "applied", version: versionOf(generation.index.value), tenants: changed });
  }

  /** Puts a lock list in force without a generation, or in place of the one that an older generation has. */
  async applyLocks(
    locks: NamedStatement<readonly Lock[]>,
    version: Version & { readonly digest: string },
  ): Promise<void> {
    const table = this.#table;
    table.stand(table.ground, await table.stageLocks(locks.value, this.slicer));
    this.#locksVersion = versionOf(version);
    if (this.#generation === undefined) return;
    const { head } = this.#generation;
    const payload = { ...head.payload, locks: version };
    this.#generation = { ...this.#generation, head: { ...head, payload }, locks };
  }

  /** Notes that a head was verified: nothing older is taken from here on. */
  noteHead(head: HeadPayload): void {
    if (this.#seen === undefined || compareVersions(head, this.#seen) >= 0) this.#seen = head;
  }

  async #verifyHead(
    source: FeedSource,
    token: string,
    signal: AbortSignal,
  ): Promise<{ readonly head: VerifiedHead; readonly keys: TrustedKeys }> {
    if (this.keyring.keys === undefined) await this.takeKeysets(source, signal);
    const keys = this.keyring.keys as TrustedKeys;
    try {
      return { head: await verifyHead(token, keys), keys };
    } catch (error) {
      if (!(error instanceof DimmerError) || !error.retryable) throw error;
      await this.takeKeysets(source, signal);
      const newer = this.keyring.keys as TrustedKeys;
      if (newer === keys) throw error;
      return { head: await verifyHead(token, newer), keys: newer };
    }
  }

  /** Takes the time of contact of a head whose generation is in force. */
  #renew(head: VerifiedHead, isReceived: boolean): void {
    const { time, onTime } = this.#parts;
    if (this.#generation !== undefined) this.#generation = { ...this.#generation, head };
    this.#isHeadReceived = isReceived;
    const { iat, fresh_until: freshUntil } = head.payload;
    onTime(time.acceptHead({ iatMs: msFromWire(iat), freshUntilMs: msFromWire(freshUntil) }, isReceived));
  }

  async #load(): Promise<void> {
    const { store } = this.#parts;
    if (store === undefined) return;
    await loadStored(store, this);
  }

  /**
   * Has a generation on the disk before it counts: what was answered by it once is then never forgotten in a crash (F1,
   * D3). A disk that is slow or fails is not waited for long.
   */
  async #saveAhead(candidate: Candidate): Promise<void> {
    if (this.#parts.store === undefined) return;
    this.#save(candidate);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#parts.clock.after(DISK_PATIENCE_MS, resolve);
    await Promise.race([this.keeper.settle(), promise]);
    timer.stop();
  }

  #save(generation: GenerationStatements): void {
    this.keeper.save(generation, this.keyring.tokens, this.applier.exceptional);
  }

  /** Reads a part that neither memory nor store has any more from whichever source still has it. */
  async #recover(part: PartName): Promise<Uint8Array | undefined> {
    for (const { source, signal } of this.followers) {
      try {
        return await readVerified(part, (kind, digest) => source.part(kind, digest, signal));
      } catch {
        // The next source may have it; if none has, the caller does without.
      }
    }
    return undefined;
  }

  #applierOf(table: TenantTable): Applier {
    const { onTime, time } = this.#parts;
    return new Applier(table, this.slicer, {
      onStand: ({ policy }) => {
        onTime(time.acceptPolicy(policy.value.stepDownForMs));
        this.tellModes();
      },
      onSlice: () => this.tellModes(),
    });
  }

  #signalOf(source: FeedSource): AbortSignal {
    return (this.followers.find((follower) => follower.source === source) as SourceFollower).signal;
  }
}

function versionOf({ epoch, seq }: Version): Version {
  return { epoch, seq };
}
