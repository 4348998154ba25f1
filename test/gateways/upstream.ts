import { createHash } from "node:crypto";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A request as it reached the product. */
export interface Reached {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the body, once it has ended; `undefined` where it was cut off. */
  sha256?: string;
  isAborted?: boolean;
}

/** A product that knows nothing of Dimmer. */
export interface Upstream {
  readonly port: number;
  readonly reached: Reached[];
}

/** Bytes of `/large`. */
export const LARGE: Buffer = Buffer.alloc(3_000_000, "0123456789abcdef");

/** Starts a product that answers every request: `/large` with many bytes, `/own-403` with its own denial, preflights with CORS. */
export async function startUpstream(): Promise<Upstream> {
  const reached: Reached[] = [];
  const server: Server = createServer((req, res) => {
    const entry: Reached = { method: req.method ?? "", url: req.url ?? "", headers: req.headers };
    reached.push(entry);
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
      else if (req.url === "/own-403") res.writeHead(403, { "x-own": "yes" }).end("the product's own");
      else res.end("from the product");
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, reached };
}
