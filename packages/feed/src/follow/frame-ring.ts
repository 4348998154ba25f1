import type { Version } from "@dimmer/statement";
import type { ReplicaLog, WatchEvent } from "./ports.ts";

/** A frame that brings something. */
export type RingFrame = Extract<WatchEvent, { readonly event: "delta" | "locks" | "policy" | "head" }>;

/** What one version brought: its delta last, after the policy and the lock list that came with it. */
interface Group {
  readonly base: number;
  readonly frames: readonly RingFrame[];
  readonly bytes: number;
}

/** Versions kept at most. */
const MAX_GROUPS = 1_024;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * The frames that brought the newest versions, for whoever serves the stream again, and those who listen to it. Bounded
 * by count and bytes: the oldest go first. It verifies nothing.
 */
export class FrameRing {
  readonly #listeners = new Set<(frames: readonly WatchEvent[]) => void>();
  readonly #log: ReplicaLog;
  readonly #deltas = new Set<string>();
  #groups: Group[] = [];
  #bytes = 0;
  /** What came ahead of the next delta. */
  #held: RingFrame[] = [];
  #version: Version | undefined;
  #head: RingFrame | undefined;

  constructor(log: ReplicaLog) {
    this.#log = log;
  }

  /** @returns what ends it */
  listen(listener: (frames: readonly WatchEvent[]) => void): () => void {
    const own = (frames: readonly WatchEvent[]): void => listener(frames);
    this.#listeners.add(own);
    return () => {
      this.#listeners.delete(own);
    };
  }

  /** Whether a delta is kept, and so in force. */
  has(token: string): boolean {
    return this.#deltas.has(token);
  }

  /** Takes a policy or a lock list that is in force: told at once, and kept with the next delta. */
  hold(frame: RingFrame): void {
    this.#held = [...this.#held.filter(({ event }) => event !== frame.event), frame];
    this.#tell([frame]);
  }

  /** Takes the delta of a version that is in force. */
  add(delta: RingFrame, base: number, version: Version): void {
    if (this.#version?.epoch !== version.epoch || this.#version.seq !== base) this.#clear();
    const frames = [...this.#held, delta];
    this.#held = [];
    const bytes = frames.reduce((sum, { data }) => sum + data.length, 0);
    this.#groups.push({ base, frames, bytes });
    this.#deltas.add(delta.data);
    this.#bytes += bytes;
    this.#version = version;
    while (this.#groups.length > MAX_GROUPS || this.#bytes > MAX_BYTES) this.#drop();
    this.#tell([delta]);
  }

  /** Takes the newest head, and the version in force under it: a jump leaves nothing to follow from. */
  setHead(token: string, version: Version): void {
    if (this.#version?.epoch !== version.epoch || this.#version.seq !== version.seq) {
      this.#clear();
      this.#version = version;
    }
    this.#head = { event: "head", data: token };
    this.#tell([this.#head]);
  }

  /** As `Replica.framesSince`. */
  since(from: Version, withTenants: boolean): readonly WatchEvent[] | "list again" {
    const version = this.#version;
    if (version === undefined || from.epoch !== version.epoch || from.seq > version.seq) return "list again";
    const rest = [...this.#held, ...(this.#head === undefined ? [] : [this.#head])];
    if (from.seq === version.seq) return rest;
    const start = this.#groups.findIndex(({ base }) => base === from.seq);
    if (start === -1) return "list again";
    const frames = this.#groups.slice(start).flatMap((group) => group.frames);
    return [...(withTenants ? frames : frames.filter(({ event }) => event !== "delta")), ...rest];
  }

  #drop(): void {
    const group = this.#groups.shift() as Group;
    this.#bytes -= group.bytes;
    this.#deltas.delete((group.frames.at(-1) as RingFrame).data);
  }

  #clear(): void {
    while (this.#groups.length > 0) this.#drop();
    this.#held = [];
    this.#head = undefined;
  }

  #tell(frames: readonly WatchEvent[]): void {
    const listeners = [...this.#listeners];
    for (const listener of listeners) {
      try {
        listener(frames);
      } catch (error) {
        this.#log.error({ err: error }, "a listener to the frames of the replica threw");
      }
    }
  }
}
