import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { verifyFeed } from "@dimmer/feed/build";
import { followFeed } from "@dimmer/feed/follow";
import { createKeyDirectory, httpSource, systemClock } from "@dimmer/feed/node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { smallDisk } from "./support/small-disk.ts";

/** A store that can be given no room, and then room again. */
interface Room {
  readonly folder: string;
  take(pid: number): void;
  give(pid: number): void;
  remove(): void;
}

const MAX_BYTES = 4 << 20;

function fullDisk(): Room | undefined {
  const disk = smallDisk(MAX_BYTES);
  return disk && { folder: disk.path, take: disk.fill, give: disk.empty, remove: disk.remove };
}

/** Files of the process may not grow: what a quota does. */
function fileLimit(): Room | undefined {
  try {
    execFileSync("prlimit", ["--version"], { stdio: "ignore" });
  } catch {
    process.stdout.write("a file that may not grow: not run (prlimit is not there)\n");
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "dimmer-limit-"));
  const limit = (pid: number, bytes: string): void => {
    execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
  };
  return {
    folder,
    take: (pid) => limit(pid, String(statSync(join(folder, "authority.db-wal")).size)),
    give: (pid) => limit(pid, "unlimited"),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

describe.each([
  ["a disk that is full", fullDisk],
  ["a file that may not grow", fileLimit],
])("%s while the authority signs", (_, roomOf) => {
  let room: Room | undefined;
  let keys: string;
  let trust: string;
  let child: ChildProcess | undefined;
  beforeEach(async () => {
    room = roomOf();
    keys = mkdtempSync(join(tmpdir(), "dimmer-full-"));
    trust = (await createKeyDirectory(join(keys, "keys"))).trust;
  });
  afterEach(async () => {
    const process = child;
    if (process !== undefined && process.exitCode === null) {
      const ended = new Promise((done) => process.once("exit", done));
      process.kill("SIGKILL");
      await ended;
    }
    room?.remove();
    rmSync(keys, { recursive: true, force: true });
  });

  it("half-publishes nothing, sends nobody away, and is over as soon as there is room", async () => {
    if (room === undefined) return;
    const flags = {
      store: `sqlite:${join(room.folder, "authority.db")}`,
      keys: join(keys, "keys"),
      port: 0,
      ratePerSecond: 100_000,
      logLevel: "silent",
    };
    const program = join(import.meta.dirname, "support/authority-process.ts");
    child = spawn(process.execPath, ["--conditions=@dimmer/source", program, JSON.stringify(flags)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const said = await new Promise<string>((done) => lines.once("line", done));
    const { url, firstSecret, pid } = JSON.parse(said) as { url: string; firstSecret: string; pid: number };
    const ask = async (method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> => {
      const response = await fetch(`${url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${firstSecret}`,
          "content-type": "application/json",
          "dimmer-reason": "test",
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await response.text() };
    };
    const put = (id: string): ReturnType<typeof ask> =>
      ask("PUT", `/v1/tenants/${id}`, { name: id.padEnd(200, "x"), plan: "pro" });
    const { secret: token } = JSON.parse((await ask("POST", "/v1/fleet/credentials", { name: "f" })).text) as {
      secret: string;
    };
    const source = httpSource(url, { token });
    const replica = followFeed({
      sources: [httpSource(url, { token })],
      trust: [trust],
      clock: systemClock(),
      pollMs: 50,
    });
    await put("acme");
    await replica.ready();

    room.take(pid);
    const answers: { status: number; text: string }[] = [];
    let written = 0;
    // What the log of the database has room for already is still taken.
    while (answers.length < 5 && written < 5_000) {
      const answer = await put(`t${written}`);
      if (answer.status <= 201) written++;
      else answers.push(answer);
    }
    // 202: there was room for the change, and none for what is signed of it.
    expect(answers.filter(({ status }) => status !== 202 && status !== 503)).toEqual([]);
    expect(answers.at(-1)?.text).toContain("cannot be reached or written");
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect(await verifyFeed(source, { trust: [trust], audience: "development", nowMs: 0 })).toMatchObject({
      isGood: true,
    });
    expect(replica.status().sources[0]?.state).toBe("ok");
    expect(replica.status().refusals.count).toBe(0);

    room.give(pid);
    await vi.waitUntil(async () => (await put("afterwards")).status < 300, { timeout: 30_000 });
    expect((await ask("GET", "/v1/tenants/t0")).status).toBe(written > 0 ? 200 : 404);
    const isRefused = answers[0]?.status === 503;
    expect((await ask("GET", `/v1/tenants/t${written}`)).status).toBe(isRefused ? 404 : 200);
    await vi.waitUntil(async () => (await fetch(`${url}/readyz`)).ok, { timeout: 30_000 });
    await source.close?.();
    await replica.close();
  }, 60_000);
});
