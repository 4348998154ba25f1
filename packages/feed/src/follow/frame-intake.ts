import { type CompiledPolicy, DimmerError, type Lock } from "@dimmer/core";
import {
  compareHeads,
  compareVersions,
  digestOf,
  formatVersion,
  lockFromWire,
  type Version,
  verifyStatement,
} from "@dimmer/statement";
import type { FeedState } from "./feed-state.ts";
import type { FrameRing } from "./frame-ring.ts";
import type { NamedStatement, VerifiedHead } from "./generation.ts";
import { type ReadPart, takePolicyPart, verifyHead } from "./intake.ts";
import { type Keyring, underNewestKeys } from "./keyring.ts";
import type { PartsKeeper } from "./parts-keeper.ts";
import type { StoredFrame, WatchEvent } from "./ports.ts";
import { type StagedDelta, stageDelta } from "./staged-delta.ts";
import type { StoreWriter } from "./store-writer.ts";

/** What frames are taken with. */
export interface FrameTools {
  readonly state: FeedState;
  readonly keyring: Keyring;
  readonly keeper: PartsKeeper;
  readonly writer: StoreWriter;
  readonly ring: FrameRing;
}

/** Where frames come from. */
export interface FrameOrigin {
  /** Over the network, by this process. */
  readonly isReceived: boolean;
  /** Whether they are to be kept: those that were read from the store are. */
  readonly isNew: boolean;
  readonly read: ReadPart;
  /** Takes the newest keysets; left out where there is nowhere to look. */
  readonly takeKeysets?: () => Promise<void>;
}

/** What taking frames came to. */
export interface FramesTaken {
  /** Deltas put in force. */
  readonly deltas: number;
  /** `now`: something is missing or contradicts, end the stream · `soon`: a newer index is named, the stream goes on. */
  readonly list?: "now" | "soon";
}

/** A frame that has been verified, and what it changes. */
type Step =
  | { readonly kind: "locks"; readonly locks: NamedStatement<readonly Lock[]>; readonly version: Version }
  | { readonly kind: "delta"; readonly delta: StagedDelta; readonly base: number; readonly policy?: Policy }
  | { readonly kind: "head"; readonly head: VerifiedHead };
type Policy = NamedStatement<CompiledPolicy>;

/** What will be in force once the steps so far are taken. */
interface Ahead {
  version: Version;
  policy: Policy;
  policyAt: Version;
  locks: { readonly token: string; readonly digest: string };
  locksVersion: Version;
}

/** Policies that came ahead of the delta that names them, kept at most. */
const MAX_POLICIES = 2;
/** Heads alone are kept on the disk by the way: the next generation saved has them. */
const KEPT: ReadonlySet<StoredFrame["event"]> = new Set(["delta", "locks", "policy"]);

/**
 * Takes the frames of a stream: verifies each whole, has them kept, and puts them in force in their order. A lock list
 * counts at once, before the delta that it came with. What was seen before is passed over; what leaves a gap is a reason to
 * list again. One batch at a time.
 */
export class FrameIntake {
  readonly #tools: FrameTools;
  readonly #policies = new Map<string, string>();

  constructor(tools: FrameTools) {
    this.#tools = tools;
  }

  /**
   * Takes a batch. Frames before one at fault are in force all the same: each stands for itself.
   *
   * @throws {DimmerError} for a frame that does not verify; what `read` rejects with, where a policy had to be fetched
   */
  async take(events: readonly WatchEvent[], origin: FrameOrigin): Promise<FramesTaken> {
    const { state, writer, keyring } = this.#tools;
    const { pool } = state.table;
    pool.hold();
    try {
      const { steps, frames, list, fault } = await this.#verifyAll(events, origin);
      if (origin.isNew && frames.some(({ event }) => KEPT.has(event))) {
        writer.append(frames, keyring.tokens);
        await writer.wait();
      }
      for (const step of steps) await this.#apply(step, origin);
      const deltas = steps.filter(({ kind }) => kind === "delta").length;
      if (steps.some(({ kind }) => kind !== "head")) state.tellApplied();
      if (fault !== undefined) throw fault;
      const wanted = list ?? this.#listWanted();
      return { deltas, ...(wanted === undefined ? {} : { list: wanted }) };
    } finally {
      pool.release();
    }
  }

  async #verifyAll(
    events: readonly WatchEvent[],
    origin: FrameOrigin,
  ): Promise<{ steps: Step[]; frames: StoredFrame[]; list?: "now"; fault?: unknown }> {
    const steps: Step[] = [];
    const frames: StoredFrame[] = [];
    const ahead = this.#inForce();
    if (ahead === undefined) return { steps, frames, list: "now" };
    try {
      for (const event of events) {
        if (event.event === "goaway" || event.event === "beat") continue;
        const step = await this.#verify(event, ahead, origin);
        if (step === "list") return { steps, frames, list: "now" };
        if (step === undefined) continue;
        steps.push(step);
        frames.push(...storedOf(step));
      }
    } catch (fault) {
      return { steps, frames, fault };
    }
    return { steps, frames };
  }

  async #verify(
    { event, data }: Exclude<WatchEvent, { event: "goaway" | "beat" }>,
    ahead: Ahead,
    origin: FrameOrigin,
  ): Promise<Step | "list" | undefined> {
    switch (event) {
      case "policy":
        await this.#remember(data, ahead);
        return undefined;
      case "locks":
        return data === ahead.locks.token ? undefined : await this.#verifyLocks(data, ahead, origin);
      case "delta":
        return this.#tools.ring.has(data) ? undefined : await this.#verifyDelta(data, ahead, origin);
      case "head":
        return data === this.#tools.state.live?.token ? undefined : await this.#verifyHead(data, ahead, origin);
    }
  }

  /** A policy has no version: it counts once a delta names it, and is verified then. */
  async #remember(token: string, ahead: Ahead): Promise<void> {
    if (token === ahead.policy.token) return;
    this.#policies.set(await digestOf(token), token);
    if (this.#policies.size > MAX_POLICIES) this.#policies.delete(this.#policies.keys().next().value as string);
  }

  async #verifyLocks(token: string, ahead: Ahead, origin: FrameOrigin): Promise<Step | undefined> {
    const { payload, digest } = await this.#under(origin, (keys) => verifyStatement("dimmer-locks+jwt", token, keys));
    const order = compareVersions(payload, ahead.locksVersion);
    if (order < 0) return undefined;
    if (order === 0) {
      if (digest === ahead.locks.digest) return undefined;
      throw refused(`locks: another list has the version ${formatVersion(payload)}, which is held`);
    }
    const locks = { token, digest, value: payload.locks.map(lockFromWire) };
    ahead.locks = locks;
    ahead.locksVersion = payload;
    return { kind: "locks", locks, version: payload };
  }

  async #verifyDelta(token: string, ahead: Ahead, origin: FrameOrigin): Promise<Step | "list" | undefined> {
    const { payload } = await this.#under(origin, (keys) => verifyStatement("dimmer-delta+jwt", token, keys));
    if (compareVersions(payload, ahead.version) <= 0) return undefined;
    const follows = payload.epoch === ahead.version.epoch && payload.base === ahead.version.seq;
    const { state } = this.#tools;
    if (!follows || state.applier.overlay.isFull) return "list";
    let policy: Policy | undefined;
    // A head that was listed may be ahead of the deltas that follow its index, and its policy with it.
    if (payload.policy !== ahead.policy.digest && compareVersions(payload, ahead.policyAt) > 0) {
      policy = await this.#takePolicy(payload.policy, payload, origin);
    }
    const about = { token, policy: (policy ?? ahead.policy).digest };
    const delta = await stageDelta(payload, about, { pool: state.table.pool, slicer: state.slicer });
    ahead.version = { epoch: payload.epoch, seq: payload.seq };
    if (policy !== undefined) {
      ahead.policy = policy;
      ahead.policyAt = ahead.version;
    }
    return { kind: "delta", delta, base: payload.base, ...(policy === undefined ? {} : { policy }) };
  }

  async #takePolicy(digest: string, namedAt: Version, origin: FrameOrigin): Promise<Policy> {
    const read: ReadPart = async (kind, name) => {
      const token = this.#policies.get(name);
      if (token !== undefined) return new TextEncoder().encode(token);
      return (await this.#tools.keeper.read({ kind, digest: name })) ?? (await origin.read(kind, name));
    };
    return await this.#under(origin, (keys) => takePolicyPart(digest, { keys, read }, namedAt));
  }

  async #verifyHead(token: string, ahead: Ahead, origin: FrameOrigin): Promise<Step | "list" | undefined> {
    const head = await this.#under(origin, (keys) => verifyHead(token, keys));
    const { payload } = head;
    const { seen } = this.#tools.state;
    // One that was on its way while another origin gave a newer one.
    if (seen !== undefined && compareVersions(payload, seen) < 0) return undefined;
    if (seen !== undefined && compareHeads(payload, seen) === "signed before") return undefined;
    const order = compareVersions(payload, ahead.version);
    if (order > 0) return "list";
    const locksOrder = compareVersions(payload.locks, ahead.locksVersion);
    if (order < 0 || locksOrder < 0) return undefined;
    if (payload.policy !== ahead.policy.digest && compareVersions(ahead.policyAt, payload) <= 0) {
      throw refused(`head: has version ${formatVersion(payload)}, which is held, but names another policy`);
    }
    // The lists that it names were never given: they are fetched.
    if (locksOrder > 0) return "list";
    if (payload.locks.digest !== ahead.locks.digest) {
      throw refused(`head: names another lock list ${formatVersion(payload.locks)} than the one held`);
    }
    return { kind: "head", head };
  }

  async #apply(step: Step, origin: FrameOrigin): Promise<void> {
    const { state, ring, keeper } = this.#tools;
    switch (step.kind) {
      case "locks":
        await state.applyLocks(step.locks, step.version);
        ring.hold({ event: "locks", data: step.locks.token });
        break;
      case "delta": {
        const { policy, delta, base } = step;
        if (policy !== undefined) {
          if (origin.isNew) await keeper.keepPolicy(policy);
          await state.applyPolicy(policy, delta);
          this.#policies.delete(policy.digest);
          ring.hold({ event: "policy", data: policy.token });
        }
        await state.applyDelta(delta);
        const version = { epoch: delta.epoch, seq: delta.seq };
        ring.add({ event: "delta", data: delta.token, version }, base, version);
        break;
      }
      case "head":
        state.acceptHead(step.head, origin.isReceived);
    }
  }

  /** The newest head may name an index that is not held: heads that are served again must name what is. */
  #listWanted(): "soon" | undefined {
    const { live, generation, applier } = this.#tools.state;
    const isListed = live === undefined || live.payload.index === generation?.index.digest;
    return isListed && !applier.overlay.isFull ? undefined : "soon";
  }

  #inForce(): Ahead | undefined {
    const { version, policy, policyAt, locks, locksVersion } = this.#tools.state;
    if (version === undefined || policy === undefined || policyAt === undefined) return undefined;
    if (locks === undefined || locksVersion === undefined) return undefined;
    return { version, policy, policyAt, locks, locksVersion };
  }

  #under<T>(origin: FrameOrigin, verify: Parameters<typeof underNewestKeys<T>>[2]): Promise<T> {
    return underNewestKeys(this.#tools.keyring, origin.takeKeysets, verify);
  }
}

function storedOf(step: Step): StoredFrame[] {
  switch (step.kind) {
    case "locks":
      return [{ event: "locks", data: step.locks.token, version: step.version }];
    case "delta": {
      const version = { epoch: step.delta.epoch, seq: step.delta.seq };
      const policy = step.policy && { event: "policy" as const, data: step.policy.token, version };
      return [...(policy === undefined ? [] : [policy]), { event: "delta", data: step.delta.token, version }];
    }
    case "head": {
      const { epoch, seq } = step.head.payload;
      return [{ event: "head", data: step.head.token, version: { epoch, seq } }];
    }
  }
}

function refused(message: string): DimmerError {
  return new DimmerError("feed_refused", message);
}
