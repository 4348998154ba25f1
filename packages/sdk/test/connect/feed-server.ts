import { createHash } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

/** Answers a request, or says that it is for the next one. */
export type Door = (req: IncomingMessage, res: ServerResponse) => Promise<boolean> | boolean;

/** An HTTP server of these tests, on a socket or on a port that the system chooses. */
export class TestServer implements AsyncDisposable {
  readonly #server: Server;
  /** Requests by path, for tests that count. */
  readonly requests: string[] = [];

  private constructor(doors: readonly Door[]) {
    this.#server = createServer((req, res) => {
      this.requests.push(req.url ?? "");
      void answer(doors, req, res);
    });
  }

  static async listen(doors: readonly Door[], socketPath?: string): Promise<TestServer> {
    const server = new TestServer(doors);
    if (socketPath === undefined) server.#server.listen(0, "127.0.0.1");
    else server.#server.listen(socketPath);
    await once(server.#server, "listening");
    return server;
  }

  /** `unix:/path` or `http://127.0.0.1:port`. */
  get url(): string {
    const address = this.#server.address() as AddressInfo | string;
    return typeof address === "string" ? `unix:${address}` : `http://127.0.0.1:${address.port}`;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function answer(doors: readonly Door[], req: IncomingMessage, res: ServerResponse): Promise<void> {
  try {
    for (const door of doors) if (await door(req, res)) return;
    res.writeHead(404).end();
  } catch {
    res.writeHead(500).end();
  }
}

/** The doors of a feed, straight from its directory: `/v1/feed/…`. */
export function feedDoor(directory: string): Door {
  return async (req, res) => {
    const [, v1, feed, kind = "", digest = ""] = (req.url ?? "").split("/");
    if (v1 !== "v1" || feed !== "feed") return false;
    if (kind === "keysets") {
      const names = (await readdir(join(directory, "keysets"))).sort();
      const keysets = await Promise.all(names.map((name) => readFile(join(directory, "keysets", name), "utf8")));
      res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ keysets }));
      return true;
    }
    const bytes = await readFile(join(directory, kind === "head" ? "head.jws" : fileOf(kind, digest)));
    const etag = `"${createHash("sha256").update(bytes).digest("base64url")}"`;
    if (kind === "head" && req.headers["if-none-match"] === etag) res.writeHead(304, { etag }).end();
    else res.writeHead(200, { etag }).end(bytes);
    return true;
  };
}

function fileOf(kind: string, digest: string): string {
  return join(kind, `${digest}.${kind === "chunks" ? "ndjson" : "jws"}`);
}
