import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, readdir, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createFeedFolder, type FeedFolder } from "./feed-folder.ts";

// Bounds and no expectations: disks, processes and megabytes take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let feed: FeedFolder;

beforeEach(async () => {
  feed = await createFeedFolder();
});
afterEach(async () => {
  await feed[Symbol.asyncDispose]();
});

describe("builds at once", () => {
  it("of one process follow one another: every content has a version of its own", async () => {
    const built = await Promise.all(
      ["a", "b", "c", "d", "e"].map((name) => feed.publish({ entitlements: [{ tenant: name, plan: "pro" }] })),
    );
    expect(new Set(built.map(({ version }) => version.seq))).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(await feed.verify()).toMatchObject({ isGood: true, version: { seq: 5 }, counts: { tenants: 1, gone: 4 } });
    expect(await readdir(feed.out)).not.toContain(".build.lock");
  });

  it("of several processes follow one another", async () => {
    const children = ["a", "b", "c"].map((name) => publishing(name, 5));
    const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0] as number));
    expect(codes).toEqual([0, 0, 0]);
    expect(await feed.verify()).toMatchObject({ isGood: true, version: { seq: 15 } });
  });

  it("F5 · one of which is killed at any point leave a whole generation, and the next one goes on", async () => {
    for (const moment of ["entitlements", "chunks", "files", "published"]) {
      const child = publishing("killed", 1_000);
      for await (const [text] of lines(child)) if (text.startsWith(moment)) break;
      child.kill("SIGKILL");
      await once(child, "exit");
      const isFirst = !(await readdir(feed.out)).includes("head.jws");
      if (!isFirst) expect(await feed.verify()).toMatchObject({ isGood: true, faults: [] });
      await feed.publish();
      expect(await feed.verify()).toMatchObject({ isGood: true, faults: [] });
    }
    expect((await readdir(feed.out)).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("wait for one another, and give up with who holds the lock", async () => {
    await feed.publish();
    const lock = join(feed.out, ".build.lock");
    await writeFile(lock, JSON.stringify({ pid: process.ppid, host: hostname(), token: "x" }));
    await expect(feed.publish({ lockWaitMs: 30 })).rejects.toMatchObject({
      code: "disk_failed",
      retryable: true,
      message: expect.stringMatching(
        new RegExp(`process ${process.ppid} is building into it; wait for it, or remove `),
      ),
    });
    await writeFile(lock, JSON.stringify({ pid: 1, host: "elsewhere", token: "x" }));
    await expect(feed.publish({ lockWaitMs: 0 })).rejects.toThrow(/process 1 is building/);
    const long = new Date(Date.now() - 3_600_000);
    await utimes(lock, long, long);
    await feed.publish({ lockWaitMs: 0 });
    await expect(lstat(lock)).rejects.toThrow("ENOENT");
  });

  it("take over a lock that a process died over while it wrote it", async () => {
    await feed.publish();
    const lock = join(feed.out, ".build.lock");
    await writeFile(lock, "");
    await expect(feed.publish({ lockWaitMs: 0 })).rejects.toThrow(/another process is building/);
    const past = new Date(Date.now() - 3_000);
    await utimes(lock, past, past);
    await expect(feed.publish({ lockWaitMs: 0 })).resolves.toMatchObject({ changed: false });
  });

  it("take over a lock of this very process number, which a container gives again after a restart", async () => {
    await feed.publish();
    await writeFile(join(feed.out, ".build.lock"), JSON.stringify({ pid: process.pid, host: hostname(), token: "x" }));
    await expect(feed.publish({ lockWaitMs: 0 })).resolves.toMatchObject({ changed: false });
  });

  function publishing(name: string, times: number): ChildProcess {
    const script = fileURLToPath(new URL("./publish-again.ts", import.meta.url));
    return spawn(
      process.execPath,
      ["--conditions=@dimmer/source", script, feed.out, feed.keysDir, name, String(times)],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
  }

  async function* lines(child: ChildProcess): AsyncGenerator<[string]> {
    for await (const data of child.stdout ?? []) for (const text of String(data).split("\n")) yield [text];
  }
});
