import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Decision } from "@dimmer/core";
import type { Dimmer } from "@dimmer/sdk";
import { closeFrameOf, onceDenied } from "@dimmer/sdk/jobs";
import { type WebSocket, WebSocketServer } from "ws";
import { type Session, sessionOf } from "./sessions.ts";

/** The product, and what it sends to everybody who is connected. */
export interface StreamsApp {
  readonly server: Server;
  /** Sends a text to every connection of a tenant. */
  say(tenant: string, text: string): void;
  /** Connections that are open. */
  readonly open: number;
}

/** One connection of either kind. */
interface Line {
  readonly tenant: string;
  send(text: string): void;
}

/** A product of long connections: `GET /events` (server-sent events) and a WebSocket at `/socket`. Both ask for `view`. */
export function createApp(dimmer: Dimmer): StreamsApp {
  const lines = new Set<Line>();
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer((request, response) => {
    const session = sessionOf(request);
    if (session === undefined) response.writeHead(401).end();
    else if (request.url === "/events") openEvents({ dimmer, lines, session, request, response });
    else response.writeHead(404).end();
  });
  // A guard of requests does not see upgrades: this is the place to ask.
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const session = sessionOf(request);
    if (session === undefined || request.url !== "/socket") return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
    sockets.handleUpgrade(request, socket, head, (connected) => openSocket(dimmer, lines, session, connected));
    return undefined;
  });
  server.on("close", () => sockets.close());
  return {
    server,
    say(tenant, text) {
      for (const line of lines) if (line.tenant === tenant) line.send(text);
    },
    get open() {
      return lines.size;
    },
  };
}

function openSocket(dimmer: Dimmer, lines: Set<Line>, { tenant, principal }: Session, socket: WebSocket): void {
  const line: Line = { tenant, send: (text) => socket.send(text) };
  lines.add(line);
  const stop = onceDenied(dimmer, { tenant, capability: "view", principal }, (decision) => {
    const denial = dimmer.denial(tenant, decision, { principal });
    const { code, reason } = closeFrameOf(denial);
    // Why, what still works and how to get back does not fit into a close frame: it goes before it.
    socket.send(JSON.stringify({ denied: denial.body }));
    socket.close(code, reason);
  });
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    stop();
    lines.delete(line);
  });
}

interface EventsParts {
  readonly dimmer: Dimmer;
  readonly lines: Set<Line>;
  readonly session: Session;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

function openEvents({ dimmer, lines, session, request, response }: EventsParts): void {
  const { tenant, principal } = session;
  const acceptLanguage = request.headers["accept-language"] ?? "";
  const denialOf = (decision: Decision): ReturnType<Dimmer["denial"]> =>
    dimmer.denial(tenant, decision, { principal, acceptLanguage });
  const line: Line = { tenant, send: (text) => void response.write(`data: ${text}\n\n`) };
  const stop = onceDenied(dimmer, { tenant, capability: "view", principal }, (decision) => {
    const { status, headers, body } = denialOf(decision);
    // Denied from the start, it is an ordinary denial, which also tells an EventSource not to come back.
    if (response.headersSent) response.end(`event: denied\ndata: ${JSON.stringify(body)}\n\n`);
    else response.writeHead(status, headers).end(JSON.stringify(body));
  });
  response.on("close", () => {
    stop();
    lines.delete(line);
  });
  if (response.writableEnded) return;
  lines.add(line);
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(": connected\n\n");
}
