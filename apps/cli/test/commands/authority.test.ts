import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { dimmer, jsonOf } from "../run-dimmer.ts";

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

  it("keeps store and keys in one directory where that is what it is given", async () => {
    const data = join(folder, "deep/data");
    const first = await startAndStop(["authority", "--data", data, "--port", "0", "--json"]);
    expect(first.said).toMatchObject({ firstApiKey: expect.stringMatching(/^dmk_/) });
    expect(readdirSync(data).sort()).toEqual(["authority.db", "first-admin.key", "keys"]);
    expect(readFileSync(join(data, "first-admin.key"), "utf8")).toBe(`${String(first.said["firstApiKey"])}\n`);
    expect(statSync(join(data, "first-admin.key")).mode & 0o777).toBe(0o600);
    expect(statSync(data).mode & 0o777).toBe(0o700);
    const second = await startAndStop(["authority", "--data", data, "--port", "0", "--json"]);
    expect(second.said).toMatchObject({ trust: first.said["trust"], firstApiKey: null });
    const both = await dimmer(["authority", "--data", data, "--keys", data]);
    expect(both).toMatchObject({ status: 2, stdout: "" });
    expect(both.stderr).toBe("dimmer: --data: holds the store and the keys; give it, or --store and --keys\n");
  }, 30_000);

  it("has the first key still to give after a start that found its port taken, and says where it left it", async () => {
    const data = join(folder, "data");
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const refused = await dimmer(["authority", "--data", data, "--port", String(port)]);
    taken.close();
    expect(refused).toMatchObject({ status: 3, stdout: "", stderr: expect.stringContaining("is taken") as unknown });
    expect(readdirSync(data).sort()).toEqual(["authority.db", "keys"]);
    const file = join(folder, "mine.key");
    const child = spawn(
      process.execPath,
      [launcher, "authority", "--data", data, "--port", "0", "--first-key-file", file],
      {
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    const ended = new Promise((done) => child.once("exit", done));
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => lines.push(line));
    await vi.waitFor(() => expect(lines).toHaveLength(3), { timeout: 20_000 });
    child.kill("SIGTERM");
    await ended;
    const secret = readFileSync(file, "utf8").trim();
    expect(lines.slice(1)).toEqual([
      `first API key (admin), shown once: ${secret}`,
      `it is also in ${file}, for --api-key-file: put it away safely`,
    ]);
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

describe("dimmer authority backup, restore and raise-epoch", () => {
  it("carry a store over, with the locks that were published since, and print what they do", async () => {
    const keys = join(folder, "keys");
    await dimmer(["keys", "init", keys]);
    const [store, out, published] = [`sqlite:${join(folder, "a.db")}`, join(folder, "a.backup"), join(folder, "feed")];
    const more = ["--host", "127.0.0.1", "--publish-dir", published];
    const args = ["authority", "--store", store, "--keys", keys, "--port", "0", "--json", ...more];
    const child = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "pipe", "ignore"] });
    const ended = new Promise<number | null>((done) => child.once("exit", done));
    const line = await new Promise<string>((done) => createInterface({ input: child.stdout }).once("line", done));
    const { url, firstApiKey } = JSON.parse(line) as { url: string; firstApiKey: string };
    const ask = async (method: string, path: string, body: unknown, key = firstApiKey): Promise<Response> =>
      await fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json", "dimmer-reason": "test" },
        body: JSON.stringify(body),
      });
    const made = await ask("POST", "/v1/api-keys", { name: "s", roles: ["security"] });
    const { secret } = (await made.json()) as { secret: string };
    const env = { DIMMER_API_KEY: firstApiKey };
    const backup = await dimmer(["authority", "backup", "--out", out, "--url", url, "--json"], { env });
    expect(backup).toMatchObject({ status: 0 });
    expect(jsonOf(backup)).toMatchObject({ format: "dimmer-backup/1", engine: "sqlite", version: "1.1" });
    expect((await ask("PUT", "/v1/tenants/acme/locks/INC-1", { cause: "security" }, secret)).status).toBe(201);
    await expect
      .poll(
        async () => (await dimmer(["feed", "verify", published, "--trust", JSON.parse(line).trust, "--json"])).stdout,
        { timeout: 30_000 },
      )
      .toContain('"locked":1');
    child.kill("SIGKILL");
    await ended;

    const target = ["--store", `sqlite:${join(folder, "b.db")}`, "--keys", keys];
    const bare = await dimmer(["authority", "restore", "--from", out, ...target]);
    expect(bare).toMatchObject({ status: 2, stderr: expect.stringContaining("--locks-from") as unknown });
    const options = [...target, "--locks-from", published];
    const tried = await dimmer(["authority", "restore", "--from", out, ...options, "--accept-lost-locks", "--dry-run"]);
    expect(tried.stdout).toMatch(
      /1 published locks that the store lacks, which would be LIFTED:\n {2}acme {2}security {2}INC-1\n/,
    );
    expect(tried.stdout).toContain("nothing was written");
    const restored = await dimmer(["authority", "restore", "--from", out, ...options, "--json"]);
    expect(jsonOf(restored)).toMatchObject({
      to: "2.3",
      published: "1.2",
      locks: { takenOver: [{ tenant: "acme" }], lifted: [] },
    });
    const again = await dimmer(["authority", "restore", "--from", out, ...options]);
    expect(again).toMatchObject({ status: 2, stderr: expect.stringContaining("--replace") as unknown });
    const raised = await dimmer(["authority", "raise-epoch", ...target, "--dry-run"]);
    expect(raised.stdout).toContain("would be raised: from 2.3 to 3.4");
    const really = await dimmer(["authority", "raise-epoch", ...target, "--epoch", "9", "--json"]);
    expect(jsonOf(really)).toMatchObject({ from: "2.3", to: "9.4", isOtherDatabase: false });
    expect(await dimmer(["authority", "raise-epoch", ...target, "--epoch", "9"])).toMatchObject({ status: 2 });
  }, 120_000);
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
