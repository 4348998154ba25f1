import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createFeed, type TestFeed } from "./notes-product.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));

let feed: TestFeed;
const running: ChildProcess[] = [];

beforeAll(async () => {
  feed = await createFeed();
  await feed.publish({ entitlements: [{ tenant: "acme", plan: "pro" }] });
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});
afterAll(() => feed[Symbol.asyncDispose]());

function start(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ["--conditions=@dimmer/source", MAIN, ...args], { stdio: "pipe" });
  running.push(child);
  return child;
}

/** What a process has written once it has ended, and its exit code. */
async function ended(child: ChildProcess): Promise<{ readonly code: unknown; readonly errors: string }> {
  let errors = "";
  child.stderr?.on("data", (piece) => {
    errors += String(piece);
  });
  const [code] = await once(child, "close");
  return { code, errors };
}

async function readyLine(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const dead = ended(child).then(({ errors }): never => {
    throw new Error(`it ended before it was ready: ${errors}`);
  });
  const [line] = (await Promise.race([once(lines, "line"), dead])) as [string];
  dead.catch(() => {});
  return line;
}

const flags = (): string[] => ["--feed", feed.directory, "--trust", feed.trust, "--port", "0"];

/** Processes start slowly on a machine that is busy with others; a hang still ends. */
describe("the process of the notes product", { timeout: 30_000 }, () => {
  it("says where it is, serves, and ends well when asked to", async () => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const child = start(...flags());
      const url = /^notes: ready on (http:\S+)$/.exec(await readyLine(child))?.[1];
      const response = await fetch(`${url}/notes`, { headers: { authorization: "Bearer acme:member" } });
      expect(response.status).toBe(200);
      await response.text();
      const end = ended(child);
      child.kill(signal);
      expect(await end).toEqual({ code: 0, errors: "" });
    }
  });

  it("ends with its standard input where that is wanted, and also when asked to", async () => {
    const withParent = start(...flags(), "--stop-with-stdin");
    await readyLine(withParent);
    const end = ended(withParent);
    withParent.stdin?.end();
    expect(await end).toEqual({ code: 0, errors: "" });
    const asked = start(...flags(), "--stop-with-stdin");
    await readyLine(asked);
    const secondEnd = ended(asked);
    asked.kill("SIGTERM");
    expect(await secondEnd).toEqual({ code: 0, errors: "" });
  });

  it("starts while there is no feed", async () => {
    const child = start("--feed", `${feed.directory}-not-there`, "--trust", feed.trust, "--port", "0");
    expect(await readyLine(child)).toContain("answering from the fallback");
  });

  it("says plainly what is wrong, without a stack trace", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    expect(await ended(start("--feed", feed.directory, "--trust", feed.trust, "--port", String(port)))).toEqual({
      code: 3,
      errors: `notes: port ${port} on 127.0.0.1 is taken; choose another with --port\n`,
    });
    taken.close();
    expect(await ended(start("--trust", feed.trust))).toMatchObject({
      code: 2,
      errors: expect.stringMatching(/^notes: --feed is missing.*\n$/),
    });
    expect(await ended(start("--feed", feed.directory, "--trust", "nonsense"))).toMatchObject({
      code: 2,
      errors: expect.stringMatching(/^notes: connect: trust.*\n$/),
    });
  });
});
