import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FeedSource } from "../../src/follow/ports.ts";
import { buildFeedDirectory } from "../../src/node/build-feed-directory.ts";
import { directorySource } from "../../src/node/directory-source.ts";
import { createKeyDirectory } from "../../src/node/key-directory.ts";
import { FeedDirectoryMirror } from "../../src/node/mirror-feed-directory.ts";

let folder: string;
let from: string;
let to: string;
let nowMs: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "dimmer-mirror-"));
  [from, to, nowMs] = [join(folder, "from"), join(folder, "to"), 1_796_169_600_000];
  await createKeyDirectory(join(folder, "keys"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function build(...tenants: string[]): Promise<void> {
  const tenantsFile = join(folder, "tenants.yaml");
  writeFileSync(tenantsFile, tenants.map((tenant) => `- { tenant: ${tenant}, plan: pro }\n`).join(""));
  nowMs += 1_000;
  const keysDir = join(folder, "keys");
  await buildFeedDirectory({ tenantsFile, outDir: from, keysDir, audience: "development", nowMs });
}

function filesOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(jws|ndjson)$/.test(name),
  );
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(directory, name), "latin1")]));
}

describe("a mirrored feed", () => {
  it("is the feed byte for byte, and is written once", async () => {
    await build("acme", "beta");
    const mirror = new FeedDirectoryMirror(directorySource(from), to);
    expect(await mirror.mirror()).toMatchObject({ written: Object.keys(filesOf(from)).length });
    expect(filesOf(to)).toEqual(filesOf(from));
    expect(await mirror.mirror()).toBe("unchanged");
  });

  it("takes a change by what is new in it, and parts that were removed or damaged again", async () => {
    await build("acme", "beta");
    await new FeedDirectoryMirror(directorySource(from), to).mirror();
    await build("acme", "beta", "gamma");
    const [chunk] = readdirSync(join(to, "chunks")) as [string];
    const [policy] = readdirSync(join(to, "policy")) as [string];
    writeFileSync(join(to, "policy", policy), "damaged");
    rmSync(join(to, "chunks", chunk));
    const done = await new FeedDirectoryMirror(directorySource(from), to).mirror();
    // Head, index, the chunk of gamma, the policy, and the chunk that was removed, where it is in use still.
    expect(done).toMatchObject({ removed: 0 });
    expect(filesOf(to)).toMatchObject(filesOf(from));
    expect((done as { written: number }).written).toBeLessThanOrEqual(5);
  });

  it("keeps what no list names for a while, and no longer", async () => {
    let monotonicMs = 0;
    await build("acme");
    const mirror = new FeedDirectoryMirror(directorySource(from), to, {
      keepMs: 1_000,
      monotonicMs: () => monotonicMs,
    });
    await mirror.mirror();
    const before = filesOf(to);
    await build("acme", "beta");
    await mirror.mirror();
    monotonicMs += 999;
    await build("acme", "beta", "gamma");
    expect(await mirror.mirror()).toMatchObject({ removed: 0 });
    expect(Object.keys(filesOf(to))).toEqual(expect.arrayContaining(Object.keys(before)));
    monotonicMs += 1;
    await build("acme", "beta", "gamma", "delta");
    // The first index: the chunks of acme and of nobody are still in use.
    expect(await mirror.mirror()).toMatchObject({ removed: 1 });
    expect(filesOf(to)).toMatchObject(filesOf(from));
  });

  it("F5 · names nothing that is not there, wherever its source breaks off", async () => {
    await build("acme");
    await new FeedDirectoryMirror(directorySource(from), to).mirror();
    const head = readFileSync(join(to, "head.jws"), "latin1");
    await build("acme", "beta");
    const source = directorySource(from);
    for (let allowed = 0; ; allowed++) {
      let asked = 0;
      const broken: FeedSource = {
        ...source,
        part: async (kind, digest) => {
          if (asked++ >= allowed) throw new Error("gone");
          return await source.part(kind, digest);
        },
      };
      const done = await new FeedDirectoryMirror(broken, to).mirror().catch(() => undefined);
      if (done !== undefined) break;
      expect(readFileSync(join(to, "head.jws"), "latin1")).toBe(head);
      expect(allowed).toBeLessThan(10);
    }
    expect(filesOf(to)).toMatchObject(filesOf(from));
  });

  it("goes back to no older head, and into no directory of another feed", async () => {
    await build("acme");
    const older = directorySource(from);
    const head = await older.head();
    await build("acme", "beta");
    await new FeedDirectoryMirror(directorySource(from), to).mirror();
    const stale: FeedSource = { ...older, head: () => Promise.resolve(head) };
    expect(await new FeedDirectoryMirror(stale, to).mirror()).toBe("unchanged");
    writeFileSync(join(folder, "tenants.ndjson"), '{"tenant":"x","plan":"pro"}\n');
    await expect(new FeedDirectoryMirror(directorySource(from), folder).mirror()).rejects.toMatchObject({
      code: "disk_failed",
    });
  });
});
