import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dimmer } from "../run-dimmer.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dimmer-cli-authority-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const launcher = new URL("../../bin/dimmer.js", import.meta.url).pathname;

describe("dimmer authority", () => {
  it("starts on a new store, prints the first key once, and ends in order", async () => {
    const keys = join(folder, "keys");
    expect((await dimmer(["keys", "init", keys])).status).toBe(0);
    const args = ["authority", "--store", `sqlite:${join(folder, "a.db")}`, "--keys", keys, "--port", "0", "--json"];
    const first = await startAndStop(args);
    expect(first.said).toMatchObject({
      trust: expect.stringMatching(/^SHA256:/),
      firstApiKey: expect.stringMatching(/^dmk_/),
    });
    expect(first.code).toBe(0);
    const second = await startAndStop(args);
    expect(second.said).toMatchObject({ trust: first.said["trust"], firstApiKey: null });
  }, 30_000);

  it("says what is missing, and which store it cannot open", async () => {
    const bare = await dimmer(["authority"]);
    expect(bare).toMatchObject({ status: 2, stdout: "" });
    expect(bare.stderr).toContain("--store");
    const keys = join(folder, "keys");
    await dimmer(["keys", "init", keys]);
    const nowhere = await dimmer(["authority", "--store", "sqlite:/nowhere/at/all.db", "--keys", keys]);
    expect(nowhere.status).toBe(3);
    expect(nowhere.stderr).toContain("/nowhere/at/all.db");
  });
});

async function startAndStop(args: readonly string[]): Promise<{ said: Record<string, unknown>; code: number | null }> {
  const child = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  const line = await new Promise<string>((done) => createInterface({ input: child.stdout }).once("line", done));
  const said = JSON.parse(line) as Record<string, unknown>;
  expect((await fetch(`${String(said["url"])}/livez`)).status).toBe(200);
  child.kill("SIGTERM");
  return { said, code: await ended };
}
