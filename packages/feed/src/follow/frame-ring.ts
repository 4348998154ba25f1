import type { Version } from "@dimmer/statement";
import type { ReplicaLog, WatchEvent } from "./ports.ts";

/** What one version brought: its delta last, after the policy and the lock list that came with it. */
interface Group {
  readonly base: number;
  readonly frames: readonly WatchEvent[];
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
  #groups: Group[] = [];
  #bytes = 0;
  #version: Version | undefined;
  #head: WatchEvent | undefined;

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

  /** Takes the frames of a version that is in force and follows the one held. */
  add(frames: readonly WatchEvent[], base: number, version: Version): void {
    if (this.#version?.epoch !== version.epoch || this.#version.seq !== base) this.#clear();
    const bytes = frames.reduce((sum, frame) => sum + ("data" in frame ? frame.data.length : 0), 0);
    this.#groups.push({ base, frames, bytes });
    this.#bytes += bytes;
    this.#version = version;
    while (this.#groups.length > MAX_GROUPS || this.#bytes > MAX_BYTES) {
      this.#bytes -= (this.#groups.shift() as Group).bytes;
    }
    this.#tell(frames);
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
    const head = this.#head === undefined ? [] : [this.#head];
    if (from.seq === version.seq) return head;
    const start = this.#groups.findIndex(({ base }) => base === from.seq);
    if (start === -1) return "list again";
    const frames = this.#groups.slice(start).flatMap((group) => group.frames);
    return [...(withTenants ? frames : frames.filter(({ event }) => event !== "delta")), ...head];
  }

  #clear(): void {
    this.#groups = [];
    this.#bytes = 0;
  }

  #tell(frames: readonly WatchEvent[]): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(frames);
      } catch (error) {
        this.#log.error({ err: error }, "a listener to the frames of the replica threw");
      }
    }
  }
}
