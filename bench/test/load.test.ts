import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { LoadOrder } from "../src/sidecar/load.ts";
import { runLoad } from "../src/sidecar/run-load.ts";

async function serve(listener: RequestListener): Promise<LoadOrder["address"]> {
  const server = createServer(listener);
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port };
}

const order = { method: "POST", path: "/", body: "{}", connections: 1, durationMs: 200 };

test("counts answers, their time and what the server spent", async () => {
  const address = await serve((_request, response) => void response.end("{}"));
  const found = await runLoad([process.pid], { ...order, address });
  expect(found).toMatchObject({ refused: 0 });
  expect(found.answered).toBeGreaterThanOrEqual(500);
  expect(found.perSecond).toBeGreaterThan(0);
  expect(found.cpuUs).toBeGreaterThan(0);
  expect(found.p50Us).toBeLessThanOrEqual(found.p99Us);
});

test("counts a request from the instant at which it was due, whether or not a connection was free", async () => {
  // One connection and 20 ms for an answer serve fifty a second: of two hundred a second most wait far longer.
  const address = await serve((_request, response) => void setTimeout(() => response.end("{}"), 20));
  const found = await runLoad([process.pid], { ...order, address, rate: 200 });
  expect(found.p99Us).toBeGreaterThan(150_000);
});

test("takes no refusal for an answer", async () => {
  const address = await serve((_request, response) => void response.writeHead(403).end());
  await expect(runLoad([process.pid], { ...order, address })).rejects.toThrow("were refused");
  await expect(runLoad([process.pid], { ...order, address, status: 403 })).resolves.toMatchObject({ refused: 0 });
});
