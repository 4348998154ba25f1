import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { FeedSource } from "@dimmer/feed/follow";
import { type HttpSourceOptions, httpSource } from "@dimmer/feed/node";
import { onTestFinished } from "vitest";

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** Starts a server for one test, on a free port or a socket; tells its address. */
export async function serve(handler: Handler, socketPath?: string): Promise<string> {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(socketPath ?? { port: 0, host: "127.0.0.1" }, resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return socketPath === undefined ? `http://127.0.0.1:${(server.address() as AddressInfo).port}` : `unix:${socketPath}`;
}

/** Opens a source for one test. */
export function open(url: string, options?: HttpSourceOptions): Required<FeedSource> {
  const source = httpSource(url, options) as Required<FeedSource>;
  onTestFinished(() => source.close());
  return source;
}

/** All that an iteration gives. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
