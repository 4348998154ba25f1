import { createServer } from "node:http";

/**
 * What the sidecar is compared with: `node:http` that reads the JSON question and answers with a fixed buffer, and does
 * nothing else. `node raw-server.ts SOCKET`
 */
const [socketPath] = process.argv.slice(2);
const answer = Buffer.from(
  JSON.stringify({
    allowed: true,
    capability: "create",
    mode: "full",
    reason: "granted",
    freshness: "fresh",
    version: "1.1",
  }),
);
const headers = { "content-type": "application/json", "content-length": answer.length };

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const question = JSON.parse((chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString()) as {
      tenant?: unknown;
    };
    response.writeHead(typeof question.tenant === "string" ? 200 : 400, headers);
    response.end(answer);
  });
});
server.listen(socketPath, () => process.stdout.write('{"ready":true}\n'));
process.on("SIGTERM", () => {
  server.close();
  server.closeAllConnections();
});
