import type { ServerResponse } from "node:http";
import { formatVersion, type Version } from "@dimmer/statement";

/** One event of a watch, as it goes over the stream. */
export interface WatchFrame {
  readonly event: "delta" | "locks" | "policy" | "head" | "goaway";
  /** The token, or JSON for `goaway`. Without line breaks. */
  readonly data: string;
  /** The version that the event brings; left out where it brings none. */
  readonly version?: Version;
}

/** Bounds of a hub. */
export interface WatchHubOptions {
  /** Streams at once; more are asked to come back later. Default 20,000. */
  readonly maxStreams?: number;
  /**
   * Bytes that a stream may be behind before it is dropped, beside the backlog or the one batch that it is still reading.
   * Default 1 MiB: a reader that slow lists again sooner.
   */
  readonly maxBehindBytes?: number;
}

const MAX_STREAMS = 20_000;
const MAX_BEHIND_BYTES = 1 << 20;
/** No proxy may keep it, or keep it back. */
const STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};
const HEARTBEAT = Buffer.from(": hb\n\n");

/** The bytes of an event. Never throws. */
export function encodeFrame({ event, data, version }: WatchFrame): Buffer {
  const id = version === undefined ? "" : `id: ${formatVersion(version)}\n`;
  return Buffer.from(`event: ${event}\n${id}data: ${data}\n\n`);
}

/** What is known of a stream. */
interface Stream {
  /** Bytes that do not count as being behind until the reader has caught up once: its backlog, or one large batch. */
  allowedBytes: number;
}

/**
 * The open watch streams of a server. An event is encoded once and the same bytes are written to every stream; a reader
 * that does not keep up is dropped, never buffered for: it comes back and catches up from what is kept. It beats and
 * sends away only when told to.
 */
export class WatchHub {
  readonly #streams = new Map<ServerResponse, Stream>();
  /** Those that want no deltas: they follow locks, policy and heads alone. */
  readonly #withoutTenants = new Map<ServerResponse, Stream>();
  readonly #maxStreams: number;
  readonly #maxBehindBytes: number;
  #dropped = 0;

  constructor(options: WatchHubOptions = {}) {
    this.#maxStreams = options.maxStreams ?? MAX_STREAMS;
    this.#maxBehindBytes = options.maxBehindBytes ?? MAX_BEHIND_BYTES;
  }

  /** Open streams. */
  get size(): number {
    return this.#streams.size + this.#withoutTenants.size;
  }

  /** Streams dropped because they were too far behind. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Whether another stream may be opened. */
  get hasRoom(): boolean {
    return this.size < this.#maxStreams;
  }

  /**
   * Opens a stream: sends its headers and what happened before, then everything that is broadcast. `backlog` must end at
   * the version after which `broadcast` goes on, so call it without an `await` in between.
   *
   * @param options.isWithoutTenants leaves out every delta, in the backlog too
   */
  open(
    response: ServerResponse,
    backlog: readonly WatchFrame[],
    options: { readonly isWithoutTenants?: boolean } = {},
  ): void {
    const isWithoutTenants = options.isWithoutTenants === true;
    const streams = isWithoutTenants ? this.#withoutTenants : this.#streams;
    response.writeHead(200, STREAM_HEADERS);
    response.on("close", () => streams.delete(response));
    response.on("error", () => streams.delete(response));
    const frames = isWithoutTenants ? backlog.filter(({ event }) => event !== "delta") : backlog;
    const bytes = Buffer.concat([HEARTBEAT, ...frames.map(encodeFrame)]);
    streams.set(response, { allowedBytes: bytes.length });
    response.write(bytes);
  }

  /** Sends events to every stream, each batch as one piece of bytes. */
  broadcast(frames: readonly WatchFrame[]): void {
    if (this.#streams.size > 0) this.#write(this.#streams, Buffer.concat(frames.map(encodeFrame)));
    if (this.#withoutTenants.size === 0) return;
    const others = frames.filter(({ event }) => event !== "delta");
    if (others.length > 0) this.#write(this.#withoutTenants, Buffer.concat(others.map(encodeFrame)));
  }

  /** Tells every stream that the line is alive. */
  beat(): void {
    this.#write(this.#streams, HEARTBEAT);
    this.#write(this.#withoutTenants, HEARTBEAT);
  }

  /** Asks every reader to come back after a time of its own below `spreadMs`, and ends the streams. */
  sendAway(spreadMs: number, random: () => number = Math.random): void {
    for (const response of [...this.#streams.keys(), ...this.#withoutTenants.keys()]) {
      const afterMs = Math.floor(random() * spreadMs);
      response.end(encodeFrame({ event: "goaway", data: JSON.stringify({ afterMs }) }));
    }
    this.#streams.clear();
    this.#withoutTenants.clear();
  }

  #write(streams: Map<ServerResponse, Stream>, bytes: Buffer): void {
    for (const [response, stream] of streams) {
      const behindBytes = response.writableLength;
      if (behindBytes === 0) stream.allowedBytes = bytes.length > this.#maxBehindBytes ? bytes.length : 0;
      if (behindBytes - stream.allowedBytes > this.#maxBehindBytes) {
        this.#dropped++;
        streams.delete(response);
        response.destroy();
      } else response.write(bytes);
    }
  }
}
