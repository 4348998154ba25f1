import { type IncomingHttpHeaders, request } from "node:http";

/** Where a server listens. */
export type Target = { readonly socketPath: string } | { readonly port: number };

/** A request. A body makes it a POST; one that is no string or buffer is sent as JSON. */
export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Sends the body in chunks, without telling its length. */
  readonly isChunked?: boolean;
}

/** An answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body parsed. @throws {SyntaxError} where it is no JSON */
  readonly json: () => unknown;
}

/** Sends one request on a connection of its own. Rejects where there is no whole answer. */
export function ask(
  target: Target,
  path: string,
  { method, headers = {}, body, isChunked = false }: Asked = {},
): Promise<Answer> {
  const bytes = body === undefined ? undefined : toBytes(body);
  return new Promise((resolve, reject) => {
    const req = request(
      {
        ...("port" in target ? { host: "127.0.0.1" } : {}),
        ...target,
        path,
        method: method ?? (bytes === undefined ? "GET" : "POST"),
        headers: {
          ...(bytes === undefined || isChunked ? {} : { "content-length": String(bytes.length) }),
          ...headers,
        },
        agent: false,
      },
      (res) => {
        const chunks: Buffer[] = [];
        res.on("data", (chunk: Buffer) => chunks.push(chunk));
        res.on("error", reject);
        res.on("end", () => {
          const whole = Buffer.concat(chunks);
          const text = whole.toString();
          const status = res.statusCode ?? 0;
          resolve({ status, headers: res.headers, bytes: whole, text, json: () => JSON.parse(text) as unknown });
        });
      },
    );
    req.on("error", reject);
    if (bytes !== undefined && isChunked) req.write(bytes.subarray(0, 1));
    req.end(isChunked ? bytes?.subarray(1) : bytes);
  });
}

function toBytes(body: unknown): Buffer {
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}
