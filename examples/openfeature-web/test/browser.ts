import { Agent, EventSource } from "undici";
import { vi } from "vitest";

/** One bulk evaluation of the provider: its status, and the entity tags that went there and back. */
export interface Evaluation {
  readonly status: number;
  readonly sentTag: string | null;
  readonly tag: string | null;
}

/** What a browser has and Node has not: cookies, an `EventSource` and a storage, put into their global places. */
export class TestBrowser {
  /** Sent to the page's own origin. */
  cookie = "";
  readonly evaluations: Evaluation[] = [];
  readonly kept: Map<string, string> = new Map();
  /** Streams that are open. */
  streams = 0;

  constructor() {
    const { kept, evaluations } = this;
    const readCookie = (): string => this.cookie;
    const countStream = (): void => {
      this.streams++;
    };
    const send = globalThis.fetch;
    vi.stubGlobal("fetch", async (input: string | Request, init?: RequestInit): Promise<Response> => {
      if (!(input instanceof Request)) return await send(input, init);
      if (readCookie() !== "") input.headers.set("cookie", readCookie());
      const answer = await send(input, init);
      const sentTag = input.headers.get("if-none-match");
      evaluations.push({ status: answer.status, sentTag, tag: answer.headers.get("etag") });
      return answer;
    });
    const agent = new Agent().compose((dispatch) => (options, handler) => {
      const headers = { ...(options.headers as Record<string, string>), cookie: readCookie() };
      return dispatch({ ...options, headers }, handler);
    });
    class BrowserEventSource extends EventSource {
      constructor(url: string) {
        super(url, { node: { dispatcher: agent } });
        this.addEventListener("open", countStream);
      }
    }
    vi.stubGlobal("EventSource", BrowserEventSource);
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    });
  }
}
