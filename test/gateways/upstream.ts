import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { onTestFinished } from "vitest";

/** A request as it reached the product. */
export interface Reached {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values by turns, as they came. */
  readonly rawHeaders: readonly string[];
  /** Of the body, once it has ended; `undefined` where it was cut off. */
  sha256?: string;
  isAborted?: boolean;
}

/** A product that knows nothing of Dimmer. */
export interface Upstream {
  readonly port: number;
  readonly reached: Reached[];
  /** What came and is no request that can be read in one way alone: what Node's parser says of it, and its beginning. */
  readonly malformed: string[];
}

/** Bytes of `/large`. */
export const LARGE: Buffer = Buffer.alloc(3_000_000, "0123456789abcdef");

/**
 * Starts a product that answers every request: `/large` with many bytes, `/own-403` with its own denial, `/break-off` by ending the
 * connection, preflights with CORS. It takes every upgrade, and then says back what it hears.
 */
export async function startUpstream(): Promise<Upstream> {
  const reached: Reached[] = [];
  const malformed: string[] = [];
  const note = ({ method = "", url = "", headers, rawHeaders }: IncomingMessage): Reached => {
    const entry: Reached = { method, url, headers, rawHeaders };
    reached.push(entry);
    return entry;
  };
  const upgraded = new Set<Duplex>();
  const server: Server = createServer({ maxHeaderSize: 1_000_000 }, (req, res) => {
    const entry = note(req);
    const hash = createHash("sha256");
    req.on("data", (piece: Buffer) => hash.update(piece));
    req.on("aborted", () => {
      entry.isAborted = true;
    });
    req.on("error", () => undefined);
    req.on("end", () => {
      entry.sha256 = hash.digest("hex");
      if (req.method === "OPTIONS") res.writeHead(204, { "access-control-allow-origin": "*" }).end();
      else if (req.url === "/large") res.end(LARGE);
      else if (req.url === "/break-off") req.socket.destroy();
      else if (req.url === "/own-403") res.writeHead(403, { "x-own": "yes" }).end("the product's own");
      else res.end("from the product");
    });
  });
  server.on("upgrade", (req: IncomingMessage, socket: Duplex) => {
    note(req);
    upgraded.add(socket);
    socket.on("error", () => undefined);
    const key = `${req.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
    const accept = createHash("sha1").update(key).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${req.headers.upgrade}\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  server.on("clientError", (error: NodeJS.ErrnoException & { readonly rawPacket?: Buffer }, socket: Duplex) => {
    const { code = "", rawPacket } = error;
    const isCutOff = code === "HPE_INVALID_EOF_STATE";
    if (code.startsWith("HPE_") && !isCutOff) malformed.push(`${code} ${rawPacket?.toString("latin1").slice(0, 300)}`);
    socket.end("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    for (const socket of upgraded) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, reached, malformed };
}
