import { once } from "node:events";
import { copyFileSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { dimmer, firstLine, isAlive, LAUNCHER, scratch, startDimmer } from "./run-dimmer.ts";

const preload = (code: string): string => `--import=data:text/javascript,${encodeURIComponent(code)}`;
const sayVersion = (version: string): string =>
  `Object.defineProperty(process.versions, "node", { value: "${version}" });`;
/** Makes a Node say, to the launcher alone, that it is Node 20, which has no `process.execve`. */
const AS_NODE_20 = preload(`${sayVersion("20.19.0")} delete process.execve;`);
/** The same for Node 24, which has it. */
const AS_NODE_24 = preload(sayVersion("24.1.0"));

/** A command that runs until it is told to end, needs no feed to be there, and says its process. */
const SIDECAR = ["sidecar", "--feed", "no-such-feed", "--trust", `SHA256:${"A".repeat(43)}`, "--port", "0", "--json"];

describe("the launcher", () => {
  it("prints the version", async () => {
    const runs = [await dimmer(["--version"]), await dimmer(["--version"]), await dimmer(["--version"])];
    for (const run of runs) expect(run).toMatchObject({ status: 0, stdout: "0.1.0\n", stderr: "" });
    console.log(`dimmer --version: ${runs.map(({ tookMs }) => tookMs.toFixed(0)).join(", ")} ms`);
  });

  it.each([
    ["beside itself on a Node without execve", AS_NODE_20],
    ["in its own place on a Node with execve", AS_NODE_24],
  ])("starts the Node of the repository %s", async (_, asOlder) => {
    const yes = await dimmer(["policy", "lint", "standard"], { nodeArgs: [asOlder] });
    expect(yes).toMatchObject({ status: 0, stdout: "standard: nothing found\n", stderr: "" });
    const no = await dimmer(["token", "inspect", "nonsense"], { nodeArgs: [asOlder] });
    expect(no.status).toBe(1);
  });

  it("finds its files when it is called through a link from elsewhere", async () => {
    const dir = scratch();
    symlinkSync(LAUNCHER, join(dir, "dimmer.js"));
    const run = await dimmer(["--version"], { launcher: join(dir, "dimmer.js"), cwd: dir });
    expect(run).toMatchObject({ status: 0, stdout: "0.1.0\n" });
  });

  it("says in one line what is missing where no Node is new enough", async () => {
    const dir = scratch();
    mkdirSync(join(dir, "bin"));
    mkdirSync(join(dir, "dist"));
    copyFileSync(LAUNCHER, join(dir, "bin", "dimmer.mjs"));
    copyFileSync(LAUNCHER, join(dir, "dist", "main.js"));
    const launcher = join(dir, "bin", "dimmer.mjs");
    const run = await dimmer(["--version"], { launcher, nodeArgs: [AS_NODE_20], cwd: dir });
    expect(run).toMatchObject({ status: 3, stdout: "" });
    expect(run.stderr).toMatch(/^dimmer: needs Node 26 or newer, this is Node 20\.19\.0, .*"npm ci".*\n$/);
  });

  it("says in one line that it is not built where neither source nor dist is there", async () => {
    const dir = scratch();
    mkdirSync(join(dir, "bin"));
    copyFileSync(LAUNCHER, join(dir, "bin", "dimmer.mjs"));
    const run = await dimmer(["--version"], { launcher: join(dir, "bin", "dimmer.mjs") });
    expect(run.status).toBe(3);
    expect(run.stderr).toMatch(/^dimmer: .*main\.js is missing: run "npm run build" first\n$/);
  });

  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("passes %s on to the Node that it started", async (signal) => {
    const child = startDimmer(SIDECAR, { nodeArgs: [AS_NODE_20], cwd: scratch() });
    const { pid } = JSON.parse(await firstLine(child)) as { pid: number };
    expect(pid).not.toBe(child.pid);
    child.kill(signal);
    const [code, endedBy] = (await once(child, "exit")) as [number | null, string | null];
    expect({ code, endedBy }).toEqual({ code: 0, endedBy: null });
    expect(isAlive(pid)).toBe(false);
  });

  it("ends as the command does that a signal ends", async () => {
    const child = startDimmer(SIDECAR, { nodeArgs: [AS_NODE_20], cwd: scratch() });
    const { pid } = JSON.parse(await firstLine(child)) as { pid: number };
    process.kill(pid, "SIGKILL");
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
  });

  it("leaves no command behind when it is killed itself", async () => {
    const child = startDimmer(SIDECAR, { nodeArgs: [AS_NODE_20], cwd: scratch() });
    const { pid } = JSON.parse(await firstLine(child)) as { pid: number };
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, "SIGKILL");
    });
    child.kill("SIGKILL");
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 5_000, interval: 20 });
  });
});
