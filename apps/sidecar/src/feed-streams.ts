import type { ServerResponse } from "node:http";
import type { Replica, WatchEvent } from "@dimmer/feed/follow";
import { type WatchFrame, WatchHub } from "@dimmer/feed/node";
import type { Version } from "@dimmer/statement";

/** Followers take a stream for dead after three of these. */
const HEARTBEAT_MS = 5_000;
/** Followers of a sidecar that stops come back within this, each at a time of its own: the next one is up by then. */
const GOAWAY_SPREAD_MS = 1_000;

/** What a stream that is asked for comes to. */
export type Opened = "open" | "list again" | "full";

/**
 * The streams that this sidecar serves again to the services of its host: the frames of its replica, byte for byte as
 * they were verified, once they are in force. What is not verified is never passed on.
 */
export class FeedStreams {
  readonly #replica: Replica;
  readonly #hub: WatchHub;
  readonly #unsubscribe: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  #isClosed = false;

  constructor(replica: Replica, { maxStreams }: { readonly maxStreams: number }) {
    this.#replica = replica;
    this.#hub = new WatchHub({ maxStreams });
    this.#unsubscribe = replica.onFrames((frames) => this.#hub.broadcast(framesOf(frames)));
    this.#heartbeat = setInterval(() => this.#hub.beat(), HEARTBEAT_MS).unref();
  }

  /** Streams that are open. */
  get open(): number {
    return this.#hub.size;
  }

  /** Streams that were dropped because their readers did not keep up. */
  get dropped(): number {
    return this.#hub.dropped;
  }

  /** Answers a request with a stream of what happens after `from`; answers nothing where there is none. */
  serve(response: ServerResponse, from: Version, options: { readonly tenants: boolean }): Opened {
    if (this.#isClosed || !this.#hub.hasRoom) return "full";
    const frames = this.#replica.framesSince(from, options);
    if (frames === "list again") return frames;
    this.#hub.open(response, framesOf(frames), { isWithoutTenants: !options.tenants });
    return "open";
  }

  /** Sends every follower away, and opens no stream after that. */
  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    clearInterval(this.#heartbeat);
    this.#hub.sendAway(GOAWAY_SPREAD_MS);
  }
}

function framesOf(events: readonly WatchEvent[]): WatchFrame[] {
  return events.filter((event) => event.event !== "beat" && event.event !== "goaway");
}
