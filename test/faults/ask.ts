import { type Agent, request } from "node:http";

/** Where a server listens. */
export type Place = { readonly socketPath: string } | { readonly port: number };

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  /** @throws {SyntaxError} where the body is no JSON */
  json<T>(): T;
}

/** A request; a body makes it a POST of JSON. */
export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly agent?: Agent;
  /** Milliseconds until it is given up. Default 10,000. */
  readonly timeoutMs?: number;
}

/** Asks over a Unix socket or loopback. Rejects where there is no whole answer in time. */
export function ask(place: Place, path: string, asked: Asked = {}): Promise<Answer> {
  const { body, headers = {}, agent, timeoutMs = 10_000 } = asked;
  const bytes = body === undefined ? undefined : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        ...("port" in place ? { host: "127.0.0.1" } : {}),
        ...place,
        path,
        method: asked.method ?? (bytes === undefined ? "GET" : "POST"),
        headers: {
          ...(bytes === undefined
            ? {}
            : { "content-length": String(bytes.length), "content-type": "application/json" }),
          ...headers,
        },
        agent: agent ?? false,
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(pieces).toString();
          resolve({ status: response.statusCode ?? 0, text, json: <T>() => JSON.parse(text) as T });
        });
      },
    );
    sent.on("error", reject);
    sent.end(bytes);
  });
}
