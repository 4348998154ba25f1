import { once } from "node:events";
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectHttp2, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";

/** What came back, whole. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** What a request is sent with. */
export interface Sent {
  readonly tenant?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
}

/** Begins a request whose path goes out as it is written, which `fetch` would not do. */
export function begin(port: number, method: string, path: string, { tenant, headers, body }: Sent = {}): ClientRequest {
  return httpRequest({
    host: "127.0.0.1",
    port,
    method,
    path,
    agent: false,
    headers: {
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
      ...(tenant === undefined ? {} : { "x-test-session": tenant }),
      ...headers,
    } as OutgoingHttpHeaders,
  });
}

/** Sends a request over a connection of its own. */
export async function send(port: number, method: string, path: string, sent: Sent = {}): Promise<Answer> {
  const request = begin(port, method, path, sent);
  request.end(sent.body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  let body = "";
  for await (const piece of response) body += String(piece);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** Reads answers off a connection on which bytes are written by hand. */
export class RawConnection implements Disposable {
  readonly socket: Socket;
  #text = "";

  constructor(port: number) {
    this.socket = connectTcp(port, "127.0.0.1");
    this.socket.setEncoding("latin1");
    this.socket.on("data", (piece: string) => {
      this.#text += piece;
    });
    // A server that is closed with connections open resets them.
    this.socket.on("error", () => undefined);
  }

  write(...lines: readonly string[]): void {
    this.socket.write(lines.join("\r\n"), "latin1");
  }

  /** The status lines that have come so far, interim ones included. */
  get statuses(): number[] {
    return [...this.#text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
  }

  get text(): string {
    return this.#text;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** Sends requests one after another over one session of HTTP/2. */
export async function sendHttp2(
  port: number,
  requests: readonly (readonly [method: string, path: string, tenant: string, body?: string])[],
): Promise<Answer[]> {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  const answers: Answer[] = [];
  for (const [method, path, tenant, sent] of requests) {
    const stream = session.request({
      ":method": method,
      ":path": path,
      "x-test-session": tenant,
      "content-type": "x/y",
    });
    // What is denied is not read: the server may end the stream while it is still sent to.
    stream.on("error", () => undefined);
    stream.end(sent);
    const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
    let body = "";
    for await (const piece of stream) body += String(piece);
    answers.push({ status: Number(headers[":status"]), headers, body });
  }
  session.close();
  await once(session, "close");
  return answers;
}
