import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it, vi } from "vitest";
import { connectRemote } from "../../src/remote/connect-remote.ts";
import { keeper } from "../connect/kept.ts";

const kept = keeper();
const TIMEOUT_MS = 300;

/**
 * A server in a thread of its own, which allows everything. It says when it has been asked; while `state[0]` is 1 it
 * waits with the answer, and sets `state[1]` once the answer is on its way.
 */
const SERVER = `
const { createServer } = require("node:http");
const { parentPort, workerData: state } = require("node:worker_threads");
const yes = { allowed: true, capability: "create", mode: "full", reason: "granted", freshness: "fresh" };
const server = createServer((req, res) => {
  if (req.url !== "/v1/check") return res.writeHead(404).end();
  req.resume().on("end", () => {
    parentPort.postMessage("asked");
    Atomics.wait(state, 0, 1);
    res.end(JSON.stringify(yes), () => {
      Atomics.store(state, 1, 1);
      Atomics.notify(state, 1);
    });
  });
});
server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
`;

describe("a process that stands still for longer than timeoutMs", () => {
  it("takes the answer that came meanwhile", { timeout: 60_000 }, async () => {
    const state = new Int32Array(new SharedArrayBuffer(12));
    const worker = new Worker(SERVER, { eval: true, workerData: state });
    kept({ [Symbol.asyncDispose]: async () => void (await worker.terminate()) });
    const [port] = (await once(worker, "message")) as [number];
    const sidecar = `http://127.0.0.1:${port}`;
    const trust = `SHA256:${"A".repeat(43)}`;
    const options = { timeoutMs: TIMEOUT_MS, waitMs: 0, pollMs: 3_600_000 };
    const dimmer = kept(await connectRemote({ sidecar, trust, ...options }));
    let heard = 0;
    worker.on("message", () => {
      heard += 1;
    });
    let asked = 0;
    const ask = () => {
      asked += 1;
      return dimmer.check("acme", "create");
    };
    await vi.waitFor(async () => expect((await ask()).reason).toBe("granted"), 20_000);
    await vi.waitFor(() => expect(heard).toBe(asked), 20_000);

    Atomics.store(state, 0, 1);
    Atomics.store(state, 1, 0);
    const answer = ask();
    while (heard < asked) await once(worker, "message");
    Atomics.store(state, 0, 0);
    Atomics.notify(state, 0);
    expect(Atomics.wait(state, 1, 0, 20_000), "the server answers").not.toBe("timed-out");
    Atomics.wait(state, 2, 0, TIMEOUT_MS + 100);
    expect((await answer).reason).toBe("granted");
  });
});
