import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { RecordedFeed } from "./recording.ts";

/** A server of a recorded feed. */
export interface RecordedServer {
  readonly url: string;
  /** The versions from which a stream was asked for. */
  readonly watched: readonly string[];
}

/**
 * Serves a recorded feed on a free port until the test ends: its directory as lists, and its stream to who holds the
 * version at which it begins. It goes on saying what it said, as an authority does that nobody changes.
 */
export async function serveRecorded(feed: RecordedFeed): Promise<RecordedServer> {
  const watched: string[] = [];
  const { epoch, seq } = feed.from;
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    const path = pathname.replace("/v1/feed/", "");
    if (path === "head") response.end(feed.head);
    else if (path === "keysets") response.end(JSON.stringify({ keysets: feed.keysets }));
    else if (path === "ack") response.writeHead(204).end();
    else if (path === "watch") {
      watched.push(`${searchParams.get("epoch")}.${searchParams.get("seq")}`);
      if (watched.at(-1) !== `${epoch}.${seq}`) response.writeHead(410).end();
      else response.writeHead(200, { "content-type": "text/event-stream" }).write(feed.watch);
    } else {
      const bytes = feed.parts.get(path);
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, watched };
}
