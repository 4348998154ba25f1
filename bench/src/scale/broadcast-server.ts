import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * The floor of a broadcast: a bare `node:http` server that writes the same fixed frame to every stream when it is asked
 * to, and signs, stores and checks nothing. `node broadcast-server.ts` prints its URL.
 */
const streams = new Set<ServerResponse>();
let seq = 1;
/** As large as a delta and the head behind it. */
const FILL = "x".repeat(700);
const head = `h.${Buffer.from(JSON.stringify({ epoch: 1, seq: 1 })).toString("base64url")}.s`;

const server = createServer((request, response) => {
  if (request.url?.startsWith("/v1/feed/watch") === true) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(": hb\n\n");
    streams.add(response);
    response.on("close", () => streams.delete(response));
    return;
  }
  if (request.method !== "PUT") {
    response.end(head);
    return;
  }
  request.resume();
  request.on("end", () => {
    seq += 1;
    const frame = Buffer.from(`event: delta\nid: 1.${seq}\ndata: ${FILL}\n\nevent: head\ndata: ${FILL}\n\n`);
    for (const stream of streams) stream.write(frame);
    response.end(`{"version":"1.${seq}"}`);
  });
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`);
});
process.once("SIGTERM", () => process.exit(0));
