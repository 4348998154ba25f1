/** One event of a watch, read. */
export interface WatchedEvent {
  readonly event: string;
  readonly id?: string;
  readonly data: string;
}

/** An open watch stream. */
export interface WatchStream {
  readonly status: number;
  readonly events: WatchedEvent[];
  /** Resolves when the server ended the stream. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Opens a watch and collects its events. */
export async function openWatch(url: string, secret: string, query: string): Promise<WatchStream> {
  const control = new AbortController();
  const response = await fetch(`${url}/v1/feed/watch?${query}`, {
    headers: { authorization: `Bearer ${secret}` },
    signal: control.signal,
  });
  const events: WatchedEvent[] = [];
  const ended = (async () => {
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
        const lines = text.slice(0, end).split("\n");
        text = text.slice(end + 2);
        const field = (name: string): string | undefined =>
          lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const [event, id, data] = [field("event"), field("id"), field("data")];
        if (event !== undefined) events.push({ event, data: data ?? "", ...(id === undefined ? {} : { id }) });
      }
    }
  })().catch(() => undefined);
  return { status: response.status, events, ended, close: () => control.abort() };
}

/** What a token says. */
export function payloadOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
}
