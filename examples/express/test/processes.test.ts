import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { inFull, inMode, serveDoors, TestWorld } from "@dimmer/testkit";
import { describe, expect, it } from "vitest";

/** Starts the program of an example against a sidecar; resolves to it and to the first line that it writes. */
async function start(
  example: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly child: ChildProcess; readonly line: string }> {
  const program = fileURLToPath(new URL(`../../${example}/src/main.ts`, import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@dimmer/source", program], {
    env: { PATH: process.env["PATH"], PORT: "0", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const ended = once(child, "exit").then(([code]) => [`it ended with ${code}`]);
  const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
  return { child, line };
}

/** Starts the program of an example where it cannot go on; resolves to its exit code and what it says on standard error. */
async function startInVain(
  example: string,
  env: Readonly<Record<string, string>>,
): Promise<[code: number, why: string]> {
  const program = fileURLToPath(new URL(`../../${example}/src/main.ts`, import.meta.url));
  const child = spawn(process.execPath, ["--conditions=@dimmer/source", program], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let why = "";
  child.stderr.on("data", (text: Buffer) => (why += text.toString()));
  const [code] = (await once(child, "close")) as [number];
  return [code, why];
}

/** Processes start slowly on a machine that is busy with others. */
describe("the programs of the examples", { timeout: 60_000 }, () => {
  it.each([
    ["express", "POST", "/notes", '{"text":"x"}', 402],
    ["fastify", "POST", "/notes", '{"text":"x"}', 402],
    ["graphql", "POST", "/graphql", '{"query":"mutation { createNote(text: \\"x\\") }"}', 402],
    ["streams", "GET", "/other", undefined, 404],
  ] as const)(
    "%s follows a sidecar, dims, and ends when it is asked to",
    async (example, method, path, body, status) => {
      await using world = await TestWorld.create({ tenants: [inMode("acme", "limited"), inFull("paying")] });
      await using sidecar = await serveDoors(world.sidecar);
      const { child, line } = await start(example, { DIMMER_FEED: sidecar.url, DIMMER_TRUST: world.trust });
      const port = /(?:"port":|127\.0\.0\.1:)(\d+)/.exec(line)?.[1];
      expect(port, line).toBeDefined();
      const headers = {
        authorization: "Bearer acme:member",
        connection: "close",
        ...(body === undefined
          ? {}
          : { "content-type": "application/json", accept: "application/graphql-response+json" }),
      };
      const ask = async (): Promise<number> => {
        const sent = { method, headers, ...(body === undefined ? {} : { body }) };
        const response = await fetch(`http://127.0.0.1:${port}${path}`, sent);
        await response.text();
        return response.status;
      };
      // It listens after two seconds also without data, and answers the fallback until there is some.
      await expect.poll(ask, { timeout: 20_000 }).toBe(status);
      child.kill("SIGTERM");
      expect(await once(child, "exit")).toEqual([0, null]);
    },
  );

  it.each(["express", "fastify", "graphql", "streams", "openfeature-web"])(
    "%s names the port that is taken or none, and ends",
    async (example) => {
      await using taken = await serveDoors(async () => new Response());
      const port = new URL(taken.url).port;
      // What it follows answers nothing of use: the fallback is taken after two seconds, and the port then.
      const env = { DIMMER_FEED: taken.url, DIMMER_SIDECAR: taken.url, DIMMER_TRUST: `SHA256:${"A".repeat(43)}` };
      const taking = `${example}: PORT ${port} is taken: PORT=${Number(port) + 10} npm start -w examples/${example}\n`;
      expect(await startInVain(example, { ...env, PORT: port })).toEqual([3, expect.stringContaining(taking)]);
      expect(await startInVain(example, { ...env, PORT: "abc" })).toEqual([
        2,
        expect.stringMatching(/^\S+: PORT is abc: write a number such as 300\d\n$/),
      ]);
    },
  );

  it.each(["express", "fastify", "graphql", "streams", "worker-jobs"])(
    "%s says what to start before it where it is given no trust",
    async (example) => {
      const why = `${example}: DIMMER_TRUST is missing: run "npm start" in the root first\n`;
      expect(await startInVain(example, {})).toEqual([2, why]);
    },
  );

  it("worker-jobs follows a sidecar, works, and ends when it is asked to", async () => {
    await using world = await TestWorld.create({ tenants: [inFull("acme"), inFull("blue-harbor")] });
    await using sidecar = await serveDoors(world.sidecar);
    const { child, line } = await start("worker-jobs", { DIMMER_FEED: sidecar.url, DIMMER_TRUST: world.trust });
    expect(line).toBe("page 0 of a report for acme");
    child.kill("SIGTERM");
    expect(await once(child, "exit")).toEqual([0, null]);
  });
});
