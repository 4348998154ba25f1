import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * What the sidecar is compared with: `node:http` that reads the JSON question and answers with a fixed text, and does
 * nothing else, on a Unix socket and on a free port of 127.0.0.1. `node raw-server.ts SOCKET`
 */
const [socketPath] = process.argv.slice(2);
const answer = JSON.stringify({
  allowed: true,
  capability: "create",
  mode: "full",
  reason: "granted",
  freshness: "fresh",
  version: "1.1",
});
// As `node:http` takes them fastest: a list of headers, and a text that goes out in one write with them.
const headers = ["content-type", "application/json", "content-length", String(answer.length)];

const answerTo: RequestListener = (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const question = JSON.parse((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString()) as {
      tenant?: unknown;
    };
    response.writeHead(typeof question.tenant === "string" ? 200 : 400, headers);
    response.end(answer, "latin1");
  });
};
const onSocket = createServer(answerTo);
const onTcp = createServer(answerTo);
await new Promise<void>((done) => void onSocket.listen(socketPath, done));
await new Promise<void>((done) => void onTcp.listen(0, "127.0.0.1", done));
const { port } = onTcp.address() as AddressInfo;
process.stdout.write(`${JSON.stringify({ port })}\n`);
process.on("SIGTERM", () => {
  for (const server of [onSocket, onTcp]) {
    server.close();
    server.closeAllConnections();
  }
});
