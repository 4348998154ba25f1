import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A request as a receiver read it. */
export interface Received {
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A receiver on a free port of loopback. */
export interface Receiver {
  readonly url: string;
  readonly received: Received[];
}

/** Starts a receiver; without `answer` it answers 204. It is gone when the test is over. */
export async function startReceiver(
  answer: (res: ServerResponse, received: Received, path: string) => void = (res) => void res.writeHead(204).end(),
  tls?: { readonly key: string; readonly cert: string },
): Promise<Receiver> {
  const received: Received[] = [];
  const listener = (req: IncomingMessage, res: ServerResponse): void => {
    let body = "";
    req.setEncoding("utf8");
    req.on("data", (part: string) => {
      body += part;
    });
    req.on("end", () => {
      const one = { headers: req.headers, body };
      received.push(one);
      answer(res, one, req.url ?? "");
    });
  };
  const server: Server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: tls === undefined ? `http://127.0.0.1:${port}/hook?a=1` : `https://localhost:${port}/hook`, received };
}
