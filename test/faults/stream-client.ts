import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Random } from "./random.ts";

/** One event of a watch stream, unverified. */
export interface StreamEvent {
  readonly event: string;
  readonly data: string;
  /** The version that it brings, as `epoch.seq`. */
  readonly id?: string;
}

/** Reads the events out of the bytes of a stream, whatever pieces they come in. */
export function eventReader(onEvent: (event: StreamEvent) => void): (piece: string) => void {
  let rest = "";
  return (piece) => {
    rest += piece;
    for (let end = rest.indexOf("\n\n"); end !== -1; end = rest.indexOf("\n\n")) {
      const lines = rest.slice(0, end).split("\n");
      rest = rest.slice(end + 2);
      const field = (name: string): string | undefined =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const [event, data, id] = [field("event"), field("data"), field("id")];
      if (event !== undefined && data !== undefined) onEvent({ event, data, ...(id === undefined ? {} : { id }) });
    }
  };
}

/** A replica as far as the authority sees it: a stream, and another one when that ends. It verifies nothing. */
export interface StreamClient {
  /** Whether its stream stands and has brought a head. */
  readonly isConnected: boolean;
  /** The last version that it heard of. */
  readonly seq: number;
  /** How often it was turned away or cut off. */
  readonly failures: number;
  close(): void;
}

/** How a client follows. */
export interface StreamClientOptions {
  readonly port: number;
  readonly secret: string;
  /** The version that it holds, of epoch 1. */
  readonly from: number;
  readonly random: Random;
  readonly onDelta?: (seq: number, delta: string) => void;
  /** Hears of a version that does not follow the one before it. */
  readonly onGap?: (text: string) => void;
}

const FIRST_BACKOFF_MS = 1_000;
const MOST_BACKOFF_MS = 30_000;

/** Follows the stream of an authority; comes back with full jitter, and no earlier than `Retry-After` asks. */
export function startStreamClient(options: StreamClientOptions): StreamClient {
  const { port, secret, random, onDelta, onGap } = options;
  const state = { isConnected: false, seq: options.from, failures: 0 };
  let isClosed = false;
  let sent: ClientRequest | undefined;
  let timer: NodeJS.Timeout | undefined;
  let backoffMs = FIRST_BACKOFF_MS;
  const later = (leastMs: number): void => {
    if (isClosed || timer !== undefined) return;
    state.isConnected = false;
    state.failures += 1;
    const ms = leastMs + random.next() * backoffMs;
    backoffMs = Math.min(backoffMs * 2, MOST_BACKOFF_MS);
    timer = setTimeout(open, ms);
  };
  const take = ({ event, data, id }: StreamEvent): void => {
    if (event === "head") {
      state.isConnected = true;
      backoffMs = FIRST_BACKOFF_MS;
    }
    if (event !== "delta" || id === undefined) return;
    const seq = Number(id.split(".")[1]);
    if (seq !== state.seq + 1) onGap?.(`after 1.${state.seq} came ${id}`);
    state.seq = seq;
    onDelta?.(seq, data);
  };
  const read = (response: IncomingMessage): void => {
    if (response.statusCode !== 200) {
      response.resume();
      later(Number(response.headers["retry-after"] ?? 0) * 1_000);
      return;
    }
    response.setEncoding("utf8");
    response.on("data", eventReader(take));
    response.on("error", () => undefined);
    response.on("close", () => later(0));
  };
  const open = (): void => {
    timer = undefined;
    const path = `/v1/feed/watch?epoch=1&seq=${state.seq}`;
    sent = request(
      { host: "127.0.0.1", port, path, agent: false, headers: { authorization: `Bearer ${secret}` } },
      read,
    );
    sent.on("error", () => later(0));
    sent.end();
  };
  open();
  return {
    get isConnected() {
      return state.isConnected;
    },
    get seq() {
      return state.seq;
    },
    get failures() {
      return state.failures;
    },
    close: () => {
      isClosed = true;
      clearTimeout(timer);
      sent?.destroy();
    },
  };
}
