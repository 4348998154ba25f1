import { DimmerError } from "@dimmer/core";
import { type Dispatcher, Pool } from "undici";
import type { Address } from "../connect/address.ts";

/** What is asked of the sidecar. */
export interface RequestLine {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** JSON. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds from the call to the last byte of the answer; the wait for a free connection counts. */
  readonly timeoutMs: number;
  /** Bytes of the answer at most. */
  readonly maxBytes: number;
}

/** An answer, whatever its status. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Speaks HTTP with the sidecar. */
export interface Transport {
  /** @throws {DimmerError} `feed_unreachable` where there is no whole answer in time */
  request(line: RequestLine): Promise<Answer>;
  close(): Promise<void>;
}

/** Requests that may wait for an answer at a time; more fail at once, so that a dead sidecar fills no memory. */
const MAX_WAITING = 4_096;
const HELD_CONNECT_MS = 1_000;

/** Opens a pool of connections to a sidecar; none is made before the first request, none keeps a process alive. */
export function openTransport(
  address: Exclude<Address, { kind: "directory" }>,
  options: { readonly connections: number; readonly token?: string | undefined },
): Transport {
  const { connections, token } = options;
  // Behind a socket path the name is nobody's; a sidecar on a socket does not look at `Host`.
  const origin = address.kind === "unix" ? "http://localhost" : address.origin;
  const pool = new Pool(origin, {
    connections,
    pipelining: 1,
    allowH2: false,
    connect: { timeout: HELD_CONNECT_MS, ...(address.kind === "unix" && { socketPath: address.socketPath }) },
  });
  const authorization = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const prefix = address.kind === "unix" ? "" : address.prefix;
  let waiting = 0;
  return {
    request(line) {
      if (waiting >= MAX_WAITING) return Promise.reject(unreachable("too many requests wait for an answer"));
      waiting += 1;
      return dispatch(pool, { ...line, path: prefix + line.path }, authorization).finally(() => {
        waiting -= 1;
      });
    },
    close: () => pool.destroy(),
  };
}

/**
 * One request straight on undici's dispatcher: `request()` makes a stream of each answer, which costs as much as the
 * whole question, and undici's own timeouts come half a second late.
 */
function dispatch(pool: Pool, line: RequestLine, authorization: object | undefined): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const chunks: Buffer[] = [];
  let size = 0;
  let status = 0;
  let headers: Answer["headers"] = {};
  let running: Dispatcher.DispatchController | undefined;
  let isSettled = false;
  const settle = (): void => {
    isSettled = true;
    clearTimeout(timer);
  };
  const fail = (error: DimmerError): void => {
    if (isSettled) return;
    settle();
    reject(error);
    // Aborting closes the connection: an answer that comes later must not be taken for that of the next question.
    running?.abort(error);
  };
  const giveUp = (): void => fail(unreachable(`no answer within ${line.timeoutMs} ms`));
  // Where the process itself stood still meanwhile, the answer lies in the socket: it is read before giving up.
  const timer = setTimeout(() => setImmediate(giveUp), line.timeoutMs);
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(controller) {
      running = controller;
      if (isSettled) controller.abort(unreachable("nobody waits any more"));
    },
    onResponseStart(_controller, statusCode, responseHeaders) {
      // What undici calls is called again for the final answer after an informational one.
      status = statusCode;
      headers = responseHeaders;
    },
    onResponseData(_controller, chunk) {
      size += chunk.length;
      if (size > line.maxBytes) fail(unreachable(`the answer has more than ${line.maxBytes} bytes`));
      else chunks.push(chunk);
    },
    onResponseEnd() {
      settle();
      resolve({ status, headers, body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) });
    },
    onResponseError(_controller, cause) {
      fail(unreachable(cause.message, cause));
    },
  };
  const { method, path, body = null } = line;
  const sent = { ...(body !== null && { "content-type": "application/json" }), ...authorization, ...line.headers };
  try {
    pool.dispatch({ method, path, body, headers: sent }, handler);
  } catch (cause) {
    fail(unreachable(cause instanceof Error ? cause.message : String(cause), cause));
  }
  return promise;
}

function unreachable(message: string, cause?: unknown): DimmerError {
  return new DimmerError("feed_unreachable", `sidecar: ${message}`, { cause, retryable: true });
}
