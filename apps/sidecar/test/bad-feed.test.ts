import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { NOW_MS, runSidecar, TENANTS, type TestFeed, testFeed } from "./running-sidecar.ts";
import { scratchDirectory } from "./scratch.ts";

/** The next generation, in which nobody is limited or locked, with what its builder did to it. */
const next = {
  entitlements: [...TENANTS.slice(0, 1), { tenant: "unpaid", plan: "pro" }],
  locks: [],
  nowMs: NOW_MS + 1_000,
};

const newest = (directory: string, before: readonly string[]): string => {
  const name = readdirSync(directory).find((file) => !before.includes(file));
  if (name === undefined) throw new Error(`${directory} has nothing new`);
  return join(directory, name);
};

/** Each way to spoil a feed directory between two generations. */
const SPOILED: readonly (readonly [name: string, spoil: (feed: TestFeed) => Promise<void>, message: RegExp])[] = [
  [
    "a truncated chunk",
    async (feed) => {
      const chunks = join(feed.directory, "chunks");
      const before = readdirSync(chunks);
      await feed.publish(next);
      truncateSync(newest(chunks, before), 5);
    },
    /chunks/,
  ],
  [
    "a chunk of other bytes than its digest says",
    async (feed) => {
      const chunks = join(feed.directory, "chunks");
      const before = readdirSync(chunks);
      await feed.publish(next);
      const path = newest(chunks, before);
      writeFileSync(path, readFileSync(path, "utf8").replace('"pro"', '"bro"'));
    },
    /chunks/,
  ],
  [
    "a head that is newer than the parts copied so far",
    async (feed) => {
      const kept = join(scratchDirectory(), "kept");
      cpSync(feed.directory, kept, { recursive: true });
      await feed.publish(next);
      for (const kind of ["chunks", "index", "locks"]) {
        rmSync(join(feed.directory, kind), { recursive: true });
        cpSync(join(kept, kind), join(feed.directory, kind), { recursive: true });
      }
    },
    /missing/,
  ],
  [
    "a symbolic link in the place of the directory",
    async (feed) => {
      await feed.publish(next);
      const elsewhere = join(scratchDirectory(), "elsewhere");
      renameSync(feed.directory, elsewhere);
      symlinkSync(elsewhere, feed.directory);
    },
    /link/,
  ],
  [
    "a policy that does not lint",
    async (feed) => {
      const policy = { ...standardPolicy, zone: "Mars/Olympus" };
      await feed.publish({ ...next, policy, allowInvalid: true });
    },
    /zone/,
  ],
  [
    "10 MB of garbage for a head",
    async (feed) => {
      await Promise.resolve();
      writeFileSync(join(feed.directory, "head.jws"), Buffer.alloc(10 << 20, 0x7f));
    },
    /head|bytes/,
  ],
  [
    "a feed of other keys",
    async (feed) => {
      const other = await testFeed(next);
      rmSync(feed.directory, { recursive: true });
      cpSync(other.directory, feed.directory, { recursive: true });
    },
    /./,
  ],
  [
    "keysets that are gone",
    async (feed) => {
      await feed.publish(next);
      rmSync(join(feed.directory, "keysets"), { recursive: true });
      mkdirSync(join(feed.directory, "keysets"));
      copyFileSync(join(feed.directory, "head.jws"), join(feed.directory, "keysets", "000001.jws"));
      const locks = join(feed.directory, "locks");
      for (const name of readdirSync(locks)) writeFileSync(join(locks, name), "x.y.z");
    },
    /./,
  ],
];

describe("F3 · the sidecar keeps the last good state and says what it refused", () => {
  it.each(SPOILED)("for %s", async (_, spoil, message) => {
    const feed = await testFeed();
    const { ask, replica, logged } = await runSidecar(feed);
    await spoil(feed);
    await replica.refresh();
    const status = (await ask("/v1/status")).json() as {
      version: string;
      refusals: { count: number; last: { source: string; message: string } | null };
      sources: { state: string; lastError: string | null }[];
    };
    expect(status.version).toBe("1.1");
    expect(status.refusals.count).toBeGreaterThan(0);
    expect(status.refusals.last).toMatchObject({
      source: feed.directory,
      message: expect.stringMatching(message) as unknown,
    });
    expect(status.refusals.last?.message).not.toMatch(/\n\s+at /);
    expect(status.sources[0]?.state).not.toBe("ok");
    expect((await ask("/metrics")).text).toMatch(/^dimmer_refusals_total [1-9]/m);
    const of = async (tenant: string): Promise<unknown> =>
      (await ask("/v1/check", { body: { tenant, capability: "create" } })).json();
    expect(await of("unpaid")).toMatchObject({ allowed: false, mode: "limited", version: "1.1" });
    expect(await of("locked")).toMatchObject({ allowed: false, reason: "locked" });
    expect((await ask("/readyz")).status).toBe(200);
    expect(logged.filter((line) => line.includes('"level":60'))).toEqual([]);
  });

  it("for an older head", async () => {
    const feed = await testFeed();
    const kept = join(scratchDirectory(), "kept");
    cpSync(feed.directory, kept, { recursive: true });
    const { ask, replica } = await runSidecar(feed);
    await feed.publish(next);
    await replica.refresh();
    expect(((await ask("/v1/status")).json() as { version: string }).version).toBe("1.2");
    copyFileSync(join(kept, "head.jws"), join(feed.directory, "head.jws"));
    await replica.refresh();
    expect((await ask("/v1/status")).json()).toMatchObject({
      version: "1.2",
      refusals: { count: 1, last: { code: "statement_outdated", message: "head: has version 1.1, but 1.2 is held" } },
    });
    expect((await ask("/v1/check", { body: { tenant: "unpaid", capability: "create" } })).json()).toMatchObject({
      allowed: true,
      version: "1.2",
    });
  });

  it("and takes the next good generation", async () => {
    const feed = await testFeed();
    const { ask, replica } = await runSidecar(feed);
    const head = readFileSync(join(feed.directory, "head.jws"));
    writeFileSync(join(feed.directory, "head.jws"), "garbage");
    await replica.refresh();
    writeFileSync(join(feed.directory, "head.jws"), head);
    await feed.publish(next);
    await replica.refresh();
    expect((await ask("/v1/check", { body: { tenant: "unpaid", capability: "create" } })).json()).toMatchObject({
      allowed: true,
      version: "1.2",
    });
    expect((await ask("/v1/status")).json()).toMatchObject({ sources: [{ state: "ok" }], refusals: { count: 1 } });
  });
});
