import { DimmerError } from "@dimmer/core";
import type { HeadPayload, Version } from "@dimmer/statement";
import { FeedState, type StateParts } from "./feed-state.ts";
import { FrameIntake, type FramesTaken } from "./frame-intake.ts";
import { readVerified } from "./intake.ts";
import { IntakeQueue } from "./intake-queue.ts";
import { Keyring } from "./keyring.ts";
import { ListIntake } from "./list-intake.ts";
import type { PartName } from "./part-fault.ts";
import { PartsKeeper } from "./parts-keeper.ts";
import type { FeedSource, GenerationStore, ReplicaLog, WatchEvent } from "./ports.ts";
import { Refusals } from "./refusals.ts";
import { Slicer } from "./slicer.ts";
import { SourceFollower, type SourcePace, type SourceSink } from "./source-follower.ts";
import { StoreHealth } from "./store-health.ts";
import { StoreWriter } from "./store-writer.ts";
import { loadStored } from "./stored-generations.ts";

/** What a follower is made of. */
export interface FollowerParts extends StateParts, SourcePace {
  readonly sources: readonly FeedSource[];
  readonly trust: readonly string[];
  readonly audience: string;
  readonly store: GenerationStore | undefined;
  readonly log: ReplicaLog;
}

/**
 * How long a replica that starts with nothing waits at most to be ready for what its first head says came after the
 * index: a stream brings it at once, and one that does not come must not keep a product from starting.
 */
const CATCH_UP_MS = 2_000;

/** Keeps what is in force at the newest that verifies, of any source. It answers nothing. */
export class FeedFollower implements SourceSink {
  readonly keyring: Keyring;
  readonly keeper: PartsKeeper;
  readonly health: StoreHealth;
  readonly state: FeedState;
  readonly refusals: Refusals = new Refusals();
  readonly followers: readonly SourceFollower[];
  readonly #parts: FollowerParts;
  readonly #writer: StoreWriter;
  readonly #lists: ListIntake;
  readonly #frames: FrameIntake;
  /** One list at a time is read, and one update at a time put in force: a long list does not hold a stream up. */
  readonly #reading: IntakeQueue;
  readonly #turns: IntakeQueue;
  #starting: Promise<void> = Promise.resolve();
  #name: string | undefined;
  /** Monotonic milliseconds from which readiness no longer waits; unset until there is something to wait with. */
  #catchUpUntilMs: number | undefined;

  constructor(parts: FollowerParts) {
    const { clock, log, store, ring } = parts;
    this.#parts = parts;
    this.#reading = new IntakeQueue(clock);
    this.#turns = new IntakeQueue(clock);
    this.keyring = new Keyring(parts.trust, parts.audience);
    this.health = new StoreHealth(store, log);
    this.keeper = new PartsKeeper({ store, health: this.health, recover: (part) => this.#recover(part) });
    this.#writer = new StoreWriter({ store, clock, keeper: this.keeper, health: this.health });
    this.state = new FeedState(parts, this.keeper, new Slicer(clock));
    const tools = { state: this.state, keyring: this.keyring, keeper: this.keeper, writer: this.#writer };
    this.#lists = new ListIntake({
      ...tools,
      turns: this.#turns,
      takeKeysets: (source, signal) => this.takeKeysets(source, signal),
    });
    this.#frames = new FrameIntake({ ...tools, ring });
    this.followers = parts.sources.map((source) => new SourceFollower(source, this, parts));
  }

  /** What the replica calls itself where it tells what it enforces; known once the store was asked. */
  get name(): string | undefined {
    return this.#name;
  }

  get version(): Version | undefined {
    return this.state.version;
  }

  /** Loads what the store has, then polls the sources. Resolves when each has been polled once. Never rejects. */
  async start(): Promise<void> {
    this.#starting = this.#reading.run(() => this.#load());
    await this.#starting;
    const canCatchUp = this.#parts.sources.some((source) => source.watch !== undefined);
    if (canCatchUp && this.state.generation === undefined) this.state.beginCatchUp();
    await this.poll();
  }

  async poll(): Promise<void> {
    await this.#starting;
    await Promise.all(this.followers.map((follower) => follower.poll()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.followers.map((follower) => follower.stop()));
    await this.#reading.settle();
    await this.#turns.settle();
    const { generation } = this.state;
    if (generation !== undefined && !this.#writer.isSaved(generation.head.token)) this.#save();
    await this.#writer.settle();
  }

  nowMs(): number {
    return this.#parts.time.nowMs;
  }

  /** Called every few milliseconds. */
  tick(): void {
    const { generation } = this.state;
    if (generation !== undefined && this.#writer.isSaveDue(generation.head.token)) this.#save();
    if (this.state.isAwaitingCatchUp) void this.#endCatchUp();
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

  /** The newest head ever seen: what a source gives is held against that of when it was asked. */
  get seen(): HeadPayload | undefined {
    return this.state.seen;
  }

  async takeHead(source: FeedSource, token: string, asked: HeadPayload | undefined): Promise<void> {
    await this.#reading.run(async (patience) => {
      const signal = AbortSignal.any([patience, this.#signalOf(source)]);
      await this.#lists.takeHead(source, token, { asked, signal });
    });
    await this.#endCatchUp();
    this.refusals.clear(source.name);
  }

  async takeFrames(source: FeedSource, events: readonly WatchEvent[], stopped: AbortSignal): Promise<FramesTaken> {
    const taken = await this.#turns.run(async (patience) => {
      const signal = AbortSignal.any([patience, stopped]);
      return await this.#frames.take(events, {
        isReceived: source.kind === "network",
        isNew: true,
        read: (kind, digest) => source.part(kind, digest, signal),
        takeKeysets: () => this.takeKeysets(source, signal),
      });
    });
    if (taken.list !== "now") this.refusals.clear(source.name);
    await this.#endCatchUp();
    return taken;
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
    const left = this.state.isInForce
      ? "the last good state stays in force"
      : "there is none yet, and fallbacks answer";
    this.#parts.log.error({ source, code }, `an update is refused, ${left}: ${message}`);
    this.#parts.events.emit({ type: "refused", code, message, source });
  }

  async #load(): Promise<void> {
    const { store, log } = this.#parts;
    const fresh = crypto.randomUUID();
    this.#name = store === undefined ? fresh : await store.identify(fresh).catch(() => fresh);
    if (store === undefined) return;
    const { state, keyring, keeper, health } = this;
    const refuse = (source: string, error: DimmerError): void => this.refuse(source, error);
    const intake = { lists: this.#lists, frames: this.#frames, writer: this.#writer };
    state.beginLoad();
    await loadStored({ store, state, keyring, keeper, health, ...intake, log, refuse });
    await state.endLoad();
  }

  /** A replica that starts with nothing is ready once it holds what the newest head says there is, or has waited. */
  async #endCatchUp(): Promise<void> {
    const { state } = this;
    if (!state.isAwaitingCatchUp) return;
    const nowMs = this.#parts.clock.monotonicMs();
    this.#catchUpUntilMs ??= nowMs + CATCH_UP_MS;
    if (state.isCaughtUp || nowMs >= this.#catchUpUntilMs) await this.#turns.run(() => state.endCatchUp());
  }

  #save(): void {
    const { generation, applier } = this.state;
    if (generation !== undefined) this.#writer.save(generation, this.keyring.tokens, applier.exceptional);
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

  #signalOf(source: FeedSource): AbortSignal {
    return (this.followers.find((follower) => follower.source === source) as SourceFollower).signal;
  }
}
