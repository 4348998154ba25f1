import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { askSidecar } from "../../src/ask-sidecar.ts";
import { dimmer, EXAMPLES, jsonOf, type Run, sharedScratch, startDimmer } from "../run-dimmer.ts";

describe("webhooks", () => {
  const cwd = sharedScratch();
  const sidecar = `unix:${join(cwd, "s")}`;
  const webhooks = (...args: string[]): Promise<Run> => dimmer(["webhooks", ...args, "--sidecar", sidecar], { cwd });
  let trust: string;

  beforeAll(async () => {
    trust = (await dimmer(["feed", "build", "--tenants", EXAMPLES, "--out", "feed"], { cwd })).stdout.trim();
    mkdirSync(join(cwd, "data"), { recursive: true });
    // Nobody listens on port 1: what may be sent is tried, and waits.
    const endpoints = 'endpoints: { orders: { url: "http://127.0.0.1:1/", secret: whsec_c2VjcmV0LXNlY3JldA== } }\n';
    writeFileSync(join(cwd, "webhooks.yaml"), endpoints);
  });

  it("shows what waits and why, sends again, and purges once it is meant", async () => {
    const child = startDimmer(
      [
        "sidecar",
        "--feed",
        "feed",
        "--trust",
        trust,
        "--socket",
        join(cwd, "s"),
        "--port",
        "0",
        "--data",
        "data",
        "--webhooks",
        "webhooks.yaml",
        "--webhooks-allow-loopback",
        "--json",
      ],
      { cwd },
    );
    onTestFinished(() => void child.kill("SIGKILL"));
    await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line");
    expect((await webhooks("status", "acme")).stdout).toBe("acme: may receive\nnothing waits\n");
    expect(await webhooks("pause", "acme")).toMatchObject({
      stdout: "0 endpoints paused, and those that it gets later\n",
      stderr: "",
    });
    expect((await webhooks("status", "acme")).stdout).toBe(
      "acme: may receive; paused whole, with endpoints to come\nnothing waits\n",
    );
    await webhooks("resume", "acme");
    const body = { endpoint: "orders", id: "e1", type: "note.created", body: {} };
    expect((await askSidecar(sidecar, "/v1/webhooks/acme", body)).status).toBe(202);
    await expect
      .poll(async () => (await webhooks("status", "acme")).stdout, { timeout: 20_000 })
      .toMatch(/^acme: may receive\norders {2}1 waiting since \S+ {2}0 dead {2}next attempt \S+; ECONNREFUSED/);
    expect(jsonOf(await webhooks("status", "acme", "--json"))).toMatchObject({ endpoints: [{ waiting: 1 }] });
    expect((await webhooks("pause", "acme", "--endpoint", "orders")).stdout).toBe("1 endpoint paused\n");
    expect((await webhooks("status", "acme")).stdout).toMatch(/^orders .* paused;/m);
    expect(jsonOf(await webhooks("resume", "acme", "--json"))).toEqual({ count: 1 });
    expect((await webhooks("status", "acme")).stdout).not.toMatch(/paused/);
    expect(await webhooks("resume", "hinata")).toMatchObject({
      stdout: "0 endpoints resumed\n",
      stderr: 'dimmer: note: the sidecar holds no tenant "hinata"\n',
    });
    expect(await webhooks("pause", "acme", "--endpoint", "odrers")).toMatchObject({
      status: 2,
      stderr: 'dimmer: endpoint "odrers": acme has none of that name; it has orders\n',
    });
    expect((await webhooks("replay", "acme", "--since", "2026-01-01T00:00:00Z")).stdout).toBe("0 sent again\n");
    expect(await webhooks("replay", "acme", "--since", "today")).toMatchObject({ status: 2 });
    expect(await webhooks("purge", "acme")).toMatchObject({ status: 2, stdout: "" });
    expect((await webhooks("purge", "acme", "--endpoint", "orders", "--yes")).stdout).toBe("1 removed\n");
    expect(await webhooks("status", "no tenant")).toMatchObject({ status: 2 });
  });

  it("says how far a purge is while it takes long, and that it went away before it was done", async () => {
    const answers = [
      ['{"done":1000}\n', '{"done":2000}\n{"count":2000}\n'],
      ['{"done":1000}\n', ""],
      ['{"done":1000}\n{"cou', undefined],
      ['{"error":"webhooks: the disk is full"}\n', ""],
    ];
    const server = createServer((req, res) => {
      const [first, rest] = answers.shift() ?? [];
      res.writeHead(200, { "content-type": "application/x-ndjson" });
      // Half a second and more between two lines: a command that says nothing meanwhile looks dead.
      setTimeout(() => res.write(first), 600);
      setTimeout(() => (rest === undefined ? res.socket?.destroy() : res.end(rest)), 1_200);
      req.resume();
    });
    const socket = join(cwd, "told");
    server.listen(socket);
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const purge = (): Promise<Run> =>
      dimmer(["webhooks", "purge", "acme", "--yes", "--sidecar", `unix:${socket}`], { cwd });
    expect(await purge()).toMatchObject({
      status: 0,
      stdout: "2000 removed\n",
      stderr: expect.stringMatching(/^1000 removed …\n/),
    });
    for (const _ of ["ends early", "is cut in a line"]) {
      expect(await purge()).toMatchObject({
        status: 3,
        stdout: "",
        stderr: expect.stringMatching(/went away before it was done/),
      });
    }
    expect(await purge()).toMatchObject({ status: 3, stderr: expect.stringMatching(/the disk is full/) });
  });

  it("says that nobody answers", async () => {
    const run = await dimmer(["webhooks", "status", "acme", "--sidecar", "unix:/nowhere.sock"], { cwd });
    expect(run).toMatchObject({ status: 3, stdout: "" });
    expect((await dimmer(["webhooks", "status", "acme"], { cwd })).stderr).toMatch(/name the sidecar with --sidecar/);
  });
});
