import { Worker } from "node:worker_threads";
import { describe, expect, it, vi } from "vitest";
import { connectRemote } from "../../src/remote/connect-remote.ts";
import { keeper } from "../connect/kept.ts";

const kept = keeper();

/** A server in a thread of its own, which allows everything and counts its answers where this thread can see them. */
const SERVER = `
const { createServer } = require("node:http");
const { parentPort, workerData } = require("node:worker_threads");
const answered = new Int32Array(workerData);
const server = createServer((req, res) => {
  if (req.url !== "/v1/check") return res.writeHead(404).end();
  req.resume().on("end", () => {
    const yes = { allowed: true, capability: "create", mode: "full", reason: "granted", freshness: "fresh" };
    res.end(JSON.stringify(yes), () => {
      Atomics.add(answered, 0, 1);
      Atomics.notify(answered, 0);
    });
  });
});
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

describe("a process that stands still for longer than timeoutMs", () => {
  it("takes the answer that came meanwhile", { timeout: 30_000 }, async () => {
    const answered = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(SERVER, { eval: true, workerData: answered.buffer });
    kept({ [Symbol.asyncDispose]: async () => void (await worker.terminate()) });
    const port = await new Promise<number>((resolve) => worker.once("message", resolve));
    const trust = `SHA256:${"A".repeat(43)}`;
    const sidecar = `http://127.0.0.1:${port}`;
    const dimmer = kept(await connectRemote({ sidecar, trust, timeoutMs: 25, waitMs: 0 }));
    await vi.waitFor(async () => expect((await dimmer.check("acme", "create")).reason).toBe("granted"), 20_000);

    const before = Atomics.load(answered, 0);
    const answer = dimmer.check("acme", "create");
    expect(Atomics.wait(answered, 0, before, 20_000), "the server answers").not.toBe("timed-out");
    Atomics.wait(answered, 1, 0, 50);
    expect((await answer).reason).toBe("granted");
  });
});
