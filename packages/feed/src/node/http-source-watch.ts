import { MAX_TOKEN_BYTES, type Version } from "@dimmer/statement";
import type { Dispatcher } from "undici";
import type { WatchEvent } from "../follow/ports.ts";
import { SourceFault } from "../follow/source-fault.ts";
import { EventStreamParser, type StreamItem } from "./event-stream-parser.ts";
import { discardBody, faultOfCause, faultOfStatus, refusalOf } from "./http-source-faults.ts";

/** The door of the stream. */
export const WATCH_PATH = "/v1/feed/watch";
const EVENT_STREAM = /^text\/event-stream\s*(?:;|$)/i;

/** The most bytes of an event's data: of the token that it carries, or of what `goaway` says. */
const MAX_BYTES_OF: ReadonlyMap<string, number> = new Map([
  ["delta", MAX_TOKEN_BYTES["dimmer-delta+jwt"]],
  ["locks", MAX_TOKEN_BYTES["dimmer-locks+jwt"]],
  ["policy", MAX_TOKEN_BYTES["dimmer-policy+jwt"]],
  ["head", MAX_TOKEN_BYTES["dimmer-head+jwt"]],
  ["goaway", 1_024],
]);
const MAX_BYTES = Math.max(...MAX_BYTES_OF.values());
/** A server that says goodbye and not until when. */
const GOAWAY_MS = 1_000;
const MAX_GOAWAY_MS = 60 * 60_000;

/** One watch: how it is sent, and what for. */
export interface WatchRequest {
  /** The URL, for messages. */
  readonly where: string;
  readonly hasToken: boolean;
  readonly signal: AbortSignal;
  /** Sends the request; the answer's body fails by itself where it is silent for too long. */
  readonly send: () => Promise<Dispatcher.ResponseData>;
}

/** The query of a watch. Never throws. */
export function watchQuery({ epoch, seq }: Version, { tenants }: { readonly tenants: boolean }): string {
  return `?epoch=${epoch}&seq=${seq}${tenants ? "" : "&tenants=none"}`;
}

/**
 * Opens a stream and gives its events until the server ends it, says goodbye, or falls silent. It believes nothing of
 * what it gives. Whoever leaves it early closes the connection.
 *
 * @throws {SourceFault} as `FeedSource.watch` says
 */
export async function* watchEvents({ where, hasToken, signal, send }: WatchRequest): AsyncGenerator<WatchEvent> {
  const parser = new EventStreamParser({ maxBytesOf: (event) => MAX_BYTES_OF.get(event), maxBytes: MAX_BYTES });
  try {
    const answer = await send();
    checkAnswer(where, answer, hasToken);
    for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
      for (const item of parser.push(piece)) {
        const event = eventOf(item);
        yield event;
        if (event.event === "goaway") return;
      }
    }
  } catch (cause) {
    if (signal.aborted) return;
    if (cause instanceof RangeError) throw refusalOf(where, cause.message);
    const isSilent = (cause as { code?: unknown }).code === "UND_ERR_BODY_TIMEOUT";
    throw isSilent ? faultOfCause(where, cause, "the stream fell silent") : faultOfCause(where, cause);
  }
}

function checkAnswer(where: string, answer: Dispatcher.ResponseData, hasToken: boolean): void {
  const { statusCode, headers, body } = answer;
  const { "content-type": type, "content-encoding": encoding = "identity" } = headers;
  if (statusCode === 200 && EVENT_STREAM.test(String(type)) && encoding === "identity") return;
  discardBody(body);
  if (statusCode !== 200) throw faultOfStatus(where, answer, hasToken);
  if (encoding !== "identity") throw refusalOf(where, `the stream is encoded (${String(encoding)}), not asked for`);
  const isNoStream = `the answer is ${String(type)} and no text/event-stream`;
  throw new SourceFault(`${where}: ${isNoStream}`, { isRetryable: false, isUnsupported: true });
}

function eventOf(item: StreamItem): WatchEvent {
  if (item === "comment") return { event: "beat" };
  const { event, data } = item;
  if (event === "goaway") return { event, afterMs: afterMsOf(data) };
  // The parser gives no others.
  return { event: event as "delta" | "locks" | "policy" | "head", data };
}

function afterMsOf(data: string): number {
  try {
    const { afterMs } = JSON.parse(data) as { afterMs?: unknown };
    return typeof afterMs === "number" && afterMs >= 0 ? Math.min(afterMs, MAX_GOAWAY_MS) : GOAWAY_MS;
  } catch {
    return GOAWAY_MS;
  }
}
