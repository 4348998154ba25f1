import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { FetchDoors } from "./doors.ts";

/** Doors on a port of this machine. */
export interface ServedDoors extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Closes the port and every connection. */
  close(): Promise<void>;
}

/**
 * Serves doors on a port that the system chooses, for clients that do not go through `fetch`, such as `connectRemote`, or
 * for other processes. What the doors answer with `Response.error()` is a connection that breaks.
 */
export async function serveDoors(doors: FetchDoors): Promise<ServedDoors> {
  const server = createServer((request, response) => {
    answer(doors, request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  };
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close, [Symbol.asyncDispose]: close };
}

async function answer(doors: FetchDoors, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const method = request.method ?? "GET";
  const hasBody = method !== "GET" && method !== "HEAD";
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value));
  const sent = new Request(new URL(request.url ?? "/", "http://doors.test"), {
    method,
    headers,
    ...(hasBody ? { body: new Uint8Array(await buffer(request)) } : {}),
  });
  const given = await doors(sent);
  if (given.type === "error") {
    response.destroy();
    return;
  }
  response.writeHead(given.status, Object.fromEntries(given.headers));
  response.end(new Uint8Array(await given.arrayBuffer()));
}
