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

const asked = { method: "POST", path: "/", body: "{}" };
const order = { requests: [asked], connections: 1, durationMs: 200 };

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
  await expect(
    runLoad([process.pid], { ...order, requests: [{ ...asked, status: 403 }], address }),
  ).resolves.toMatchObject({ refused: 0 });
});

test("asks its requests in turn, and expects of each its own status", async () => {
  const seen = new Map<string, number>();
  const address = await serve((request, response) => {
    const path = request.url ?? "";
    seen.set(path, (seen.get(path) ?? 0) + 1);
    response.writeHead(path === "/denied" ? 403 : 200).end();
  });
  const requests = ["/a", "/b", "/denied"].map((path) => ({
    method: "GET",
    path,
    status: path === "/denied" ? 403 : 200,
  }));
  await runLoad([process.pid], { ...order, requests, address });
  const [a = 0, b = 0, denied = 0] = ["/a", "/b", "/denied"].map((path) => seen.get(path));
  expect(Math.max(a, b, denied) - Math.min(a, b, denied)).toBeLessThanOrEqual(1);
});
