import { createServer, type RequestListener, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { problemHeaders, problemOf } from "../problem.ts";

/** How long a client may take, in milliseconds. */
export interface ServerTimeouts {
  /** From the connection, or the end of the last answer, to the last header. */
  readonly headersMs: number;
  /** To the last byte of the body. */
  readonly requestMs: number;
  /** Between two requests on one connection; longer than the pools of usual clients keep one. */
  readonly keepAliveMs: number;
  /** How often the first two are looked at. */
  readonly checkEveryMs: number;
}

/** What holds unless told otherwise: a client that dribbles bytes is cut off, one that waits between requests is not. */
const SERVER_TIMEOUTS: ServerTimeouts = {
  headersMs: 10_000,
  requestMs: 15_000,
  keepAliveMs: 75_000,
  checkEveryMs: 2_000,
};

/** With more open connections than this, new ones are closed at once: file descriptors and memory stay bounded. */
const MAX_CONNECTIONS = 8_192;
const MAX_HEADER_BYTES = 16 * 1024;

/** Makes an HTTP server that does not listen yet. What is not HTTP gets a bare 400 and is closed. */
export function createHttpServer(
  listener: RequestListener,
  onMalformed: () => void,
  timeouts: ServerTimeouts = SERVER_TIMEOUTS,
): Server {
  const server = createServer(
    {
      headersTimeout: timeouts.headersMs,
      requestTimeout: timeouts.requestMs,
      keepAliveTimeout: timeouts.keepAliveMs,
      connectionsCheckingInterval: timeouts.checkEveryMs,
      maxHeaderSize: MAX_HEADER_BYTES,
      requireHostHeader: false,
    },
    listener,
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    onMalformed();
    turnAway(error, socket);
  });
  return server;
}

function turnAway({ code }: NodeJS.ErrnoException, socket: Duplex): void {
  if (code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [line, detail] = ANSWERS[code ?? ""] ?? ["400 Bad Request", "the bytes are not HTTP/1.1"];
  const body = JSON.stringify({ ...problemOf("malformed_request", detail), status: Number(line.slice(0, 3)) });
  const headers = {
    ...problemHeaders(problemOf("malformed_request", detail)),
    "content-length": Buffer.byteLength(body),
  };
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${line}\r\n${head.join("")}connection: close\r\n\r\n${body}`);
}

const ANSWERS: Readonly<Record<string, readonly [line: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: ["431 Request Header Fields Too Large", `the headers have over ${MAX_HEADER_BYTES} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: ["408 Request Timeout", "the request took too long to arrive"],
};

/**
 * Stops a server: no new connection, requests under way may finish within `drainMs`, then the rest is cut off. Idle
 * connections are closed as soon as they are idle. Resolves when none is left. Never rejects.
 */
export function drainServer(server: Server, drainMs: number): Promise<void> {
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => {
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS);
    const cut = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}

const SWEEP_MS = 20;
