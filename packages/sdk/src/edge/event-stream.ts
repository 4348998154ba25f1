import { SourceFault } from "@dimmer/feed/lean";
import { MAX_TOKEN_BYTES } from "@dimmer/statement/lean";

/** One event of a watch without tenants, unverified. */
export type StreamEvent =
  | { readonly event: "locks" | "policy" | "head"; readonly data: string }
  | { readonly event: "goaway"; readonly afterMs: number };

/** Three heartbeats: half-open connections never say that they are. */
const SILENT_MS = 15_000;
const MAX_EVENT_CHARS = MAX_TOKEN_BYTES["dimmer-locks+jwt"] + 1_024;
const GOAWAY_MS = 1_000;
const MAX_GOAWAY_MS = 3_600_000;

/**
 * Reads `text/event-stream` as the feed's doors write it, one `data` line an event. It holds one event at most. Ends with
 * the stream; whoever leaves it early closes it.
 *
 * @throws {SourceFault} where the stream breaks, is silent for 15 s, or an event is larger than any may be
 */
export async function* readEvents(where: string, body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  /** What of the next event came so far. Only a piece with a line end may end it: tokens are large and have none. */
  let pieces: string[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await heard(where, reader.read());
      if (done) return;
      const piece = decoder.decode(value, { stream: true });
      pieces.push(piece);
      size += piece.length;
      if (piece.includes("\n")) {
        const blocks = pieces.join("").split(/\r?\n\r?\n/);
        pieces = [blocks.pop() ?? ""];
        size = pieces[0]?.length ?? 0;
        for (const block of blocks) {
          const event = eventOf(block);
          if (event !== undefined) yield event;
        }
      }
      if (size > MAX_EVENT_CHARS)
        throw new SourceFault(`${where}: an event has more than ${MAX_EVENT_CHARS} characters`);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** Waits for the next piece, as long as three heartbeats take. */
async function heard<T>(where: string, read: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SourceFault(`${where}: the stream fell silent`)), SILENT_MS);
  });
  try {
    return await Promise.race([read, silence]);
  } catch (cause) {
    if (cause instanceof SourceFault) throw cause;
    throw new SourceFault(`${where}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function eventOf(block: string): StreamEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ""));
  }
  const event = fields.get("event");
  const data = fields.get("data") ?? "";
  if (event === "head" || event === "locks" || event === "policy") return { event, data };
  return event === "goaway" ? { event, afterMs: afterMsOf(data) } : undefined;
}

function afterMsOf(data: string): number {
  try {
    const { afterMs } = JSON.parse(data) as { afterMs?: unknown };
    return typeof afterMs === "number" && afterMs >= 0 ? Math.min(afterMs, MAX_GOAWAY_MS) : GOAWAY_MS;
  } catch {
    return GOAWAY_MS;
  }
}
