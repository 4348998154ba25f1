import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { FeedSource, PartKind } from "@dimmer/feed/follow";
import { directorySource } from "@dimmer/feed/node";
import type { Stage } from "../scenario.ts";

/** What was asked of a feed: `head`, `keysets`, or a part. */
export type FeedPart = "head" | "keysets" | PartKind;

/** How a feed server answers; every part may be changed while it runs. */
export interface FeedServing {
  /** What is served. */
  directory: string;
  /** Makes other bytes of an answer. */
  poison?: ((part: FeedPart, bytes: Buffer) => Buffer) | undefined;
  /** Bytes at a time, and milliseconds between them: a feed that trickles. */
  trickle?: { readonly bytes: number; readonly everyMs: number } | undefined;
}

/** A feed over HTTP whose answers can be made wrong or slow. */
export interface FeedServer {
  readonly url: string;
  readonly serving: FeedServing;
  /** Requests so far, by what was asked. */
  readonly asked: Readonly<Record<string, number>>;
}

/** Serves a feed directory on a free port of loopback, as an authority serves its own, but for the stream. */
export async function startFeedServer(stage: Stage, directory: string): Promise<FeedServer> {
  const serving: FeedServing = { directory };
  const asked: Record<string, number> = {};
  const server = createServer((request, response) => {
    void answer(serving, asked, request, response).catch(() => {
      if (!response.headersSent) response.writeHead(503);
      response.end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  stage.atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = address === null || typeof address === "string" ? 0 : address.port;
  return { url: `http://127.0.0.1:${port}`, serving, asked };
}

async function answer(
  serving: FeedServing,
  asked: Record<string, number>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, , , kind = "", digest = ""] = (request.url ?? "").split("/");
  if (!/^(?:head|keysets|index|policy|locks|chunks)$/.test(kind)) {
    response.writeHead(404).end();
    return;
  }
  const part = kind as FeedPart;
  asked[part] = (asked[part] ?? 0) + 1;
  const { poison, trickle } = serving;
  const honest = await bytesOf(directorySource(serving.directory), part, digest);
  const bytes = poison === undefined ? honest : poison(part, honest);
  const type =
    part === "keysets" ? "application/json" : part === "chunks" ? "application/x-ndjson" : "application/jose";
  response.writeHead(200, { "content-type": type, "content-length": bytes.length });
  if (trickle === undefined) {
    response.end(bytes);
    return;
  }
  for (let at = 0; at < bytes.length && !response.destroyed; ) {
    // What drips when the feed is whole again comes at once.
    const { bytes: size, everyMs } = serving.trickle ?? { bytes: bytes.length, everyMs: 0 };
    response.write(bytes.subarray(at, at + size));
    at += size;
    await pause(everyMs);
  }
  response.end();
}

async function bytesOf(source: FeedSource, part: FeedPart, digest: string): Promise<Buffer> {
  if (part === "keysets") return Buffer.from(JSON.stringify({ keysets: await source.keysets() }));
  if (part !== "head") return Buffer.from(await source.part(part, digest));
  const head = await source.head();
  return Buffer.from(head === "unchanged" ? "" : head.token);
}
