import { type ReplicaAck, SourceFault, type WatchEvent } from "@dimmer/feed/follow";
import type { Version } from "@dimmer/statement";
import type { LiveFeed } from "./live-feed.ts";
import { MemorySource } from "./memory-source.ts";

/** One open stream, which a test writes to. */
export class Line {
  readonly from: Version;
  readonly tenants: boolean;
  /** Whether the reader has let go of it. */
  isAbandoned = false;
  #queue: WatchEvent[] = [];
  #isClosed = false;
  #fault: Error | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(from: Version, tenants: boolean) {
    this.from = from;
    this.tenants = tenants;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Events that the reader has not asked for yet. */
  get waiting(): number {
    return this.#queue.length;
  }

  send(events: readonly WatchEvent[]): void {
    this.#queue.push(...events);
    this.#wake();
  }

  close(fault?: Error): void {
    this.#isClosed = true;
    this.#fault = fault;
    this.#wake();
  }

  async *events(): AsyncGenerator<WatchEvent> {
    try {
      for (;;) {
        const event = this.#queue.shift();
        if (event !== undefined) yield event;
        else if (this.#fault !== undefined) throw this.#fault;
        else if (this.#isClosed) return;
        else await this.#changed.promise;
      }
    } finally {
      this.isAbandoned = true;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

/** A source in memory that has a stream. Its faults are set by tests. */
export class StreamSource extends MemorySource {
  readonly live: LiveFeed;
  readonly lines: Line[] = [];
  readonly acks: ReplicaAck[] = [];
  /** Hears of every attempt to open a stream, and may throw. */
  onWatch: () => void = () => undefined;
  /** What opening a stream fails with. */
  watchFault: Error | undefined;
  ackFault: Error | undefined;
  /** Whether the transport takes no notice of being aborted. */
  isDeaf = false;
  /** What becomes of what is missed, when a stream is opened. */
  onBacklog: (events: readonly WatchEvent[]) => readonly WatchEvent[] = (events) => events;

  constructor(live: LiveFeed, options: { readonly name?: string } = {}) {
    super(live, options);
    this.live = live;
  }

  /** The stream opened last. */
  get line(): Line {
    const line = this.lines.at(-1);
    if (line === undefined) throw new Error("no stream was opened");
    return line;
  }

  /** Sends to whatever stream is open. */
  send(events: readonly WatchEvent[]): void {
    const open = this.lines.filter((line) => !line.isClosed && !line.isAbandoned);
    for (const line of open) line.send(events);
  }

  async *watch(
    from: Version,
    { tenants }: { readonly tenants: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent> {
    this.onWatch();
    if (this.watchFault !== undefined) throw this.watchFault;
    const missed = this.live.since(from);
    if (missed === "list again") throw new SourceFault(`${this.name}: 410`, { isGone: true });
    const line = new Line(from, tenants);
    this.lines.push(line);
    if (!this.isDeaf) signal.addEventListener("abort", () => line.close());
    line.send([{ event: "beat" }, ...this.onBacklog(missed)]);
    yield* line.events();
  }

  async ack(ack: ReplicaAck): Promise<void> {
    if (this.ackFault !== undefined) throw this.ackFault;
    this.acks.push(ack);
  }
}
