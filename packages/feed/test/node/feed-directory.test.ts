import { mkdir, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuiltFeed, FeedSigners } from "@dimmer/feed/build";
import { buildFeedDirectory, createKeyDirectory, issueEntitlementToken, writeFeedDirectory } from "@dimmer/feed/node";
import { inspectStatement } from "@dimmer/statement";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { build, DAY_MS, generateSigners, NOW_MS, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { createFeedFolder, type FeedFolder, filesOf, onPlan } from "./feed-folder.ts";

// Bounds and no expectations: disks, processes and megabytes take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let feed: FeedFolder;

beforeEach(async () => {
  feed = await createFeedFolder();
});
afterEach(async () => {
  await feed[Symbol.asyncDispose]();
});

describe("a feed directory", () => {
  it("has head, keysets, index, policy, locks and chunks by their digests, readable by the group at most", async () => {
    await feed.publish();
    const files = Object.keys(await filesOf(feed.out));
    const shapes = new Set(files.map((file) => file.replace(/[\w-]{43}/, "D")));
    expect([...shapes].sort()).toEqual(
      ["chunks/D.ndjson", "head.jws", "index/D.jws", "keysets/000001.jws", "locks/D.jws", "policy/D.jws"].sort(),
    );
    for (const file of files) expect((await stat(join(feed.out, file))).mode & 0o007).toBe(0);
    expect((await stat(feed.out)).mode & 0o007).toBe(0);
    expect(await feed.verify()).toMatchObject({ isGood: true, faults: [], counts: { tenants: 50 } });
  });

  it("is byte for byte the same for the same input and time, in whichever directory", async () => {
    await feed.publish({ entitlements: tenants(300) });
    const other = join(feed.folder, "other");
    await feed.publish({ entitlements: tenants(300).reverse(), outDir: other });
    expect(await filesOf(other)).toEqual(await filesOf(feed.out));
  });

  it("is left as it is by a build that brings nothing new, and gets another head where only the time is new", async () => {
    await feed.publish();
    const before = await filesOf(feed.out);
    const inode = (await stat(join(feed.out, Object.keys(before).find((file) => file.startsWith("index/")) ?? ""))).ino;
    expect(await feed.publish()).toMatchObject({ changed: false, files: { written: 0, removed: 0 } });
    expect(await filesOf(feed.out)).toEqual(before);
    expect(await feed.publish({ nowMs: NOW_MS + 5_000 })).toMatchObject({
      changed: false,
      files: { written: 1, removed: 0 },
    });
    const after = await filesOf(feed.out);
    expect({ ...after, "head.jws": "" }).toEqual({ ...before, "head.jws": "" });
    expect((await stat(join(feed.out, Object.keys(after).find((file) => file.startsWith("index/")) ?? ""))).ino).toBe(
      inode,
    );
    expect(inspectStatement(after["head.jws"] ?? "").payload).toMatchObject({ iat: NOW_SECONDS + 5, seq: 1 });
  });

  it("keeps the generation before, and no older one", async () => {
    await feed.publish({ entitlements: onPlan("starter") });
    const first = Object.keys(await filesOf(feed.out));
    await feed.publish({ entitlements: onPlan("pro") });
    const second = Object.keys(await filesOf(feed.out));
    expect(second).toEqual(expect.arrayContaining(first));
    // A head that is signed anew is no generation: who reads the one before goes on reading it.
    await feed.publish({ entitlements: onPlan("pro"), nowMs: NOW_MS + 5_000 });
    expect(Object.keys(await filesOf(feed.out))).toEqual(expect.arrayContaining(first));
    const { files } = await feed.publish({ entitlements: onPlan("enterprise") });
    const third = Object.keys(await filesOf(feed.out));
    expect(third).toEqual(expect.arrayContaining(second.filter((file) => !first.includes(file))));
    const old = first.filter((file) => /^(?:index|chunks)\//.test(file) && !third.includes(file));
    expect(old).toHaveLength(files.removed);
    expect(files.removed).toBeGreaterThan(10);
    expect(await feed.verify()).toMatchObject({ isGood: true, version: { epoch: 1, seq: 3 } });
  });

  it("names who was removed by a tombstone with the time of the build", async () => {
    await feed.publish({ entitlements: tenants(50) });
    await feed.publish({ entitlements: tenants(49), nowMs: NOW_MS + 1_000 });
    const lines = Object.values(await filesOf(feed.out)).join("\n");
    expect(lines).toContain(`{"tenant":"tenant-49","gone":${NOW_SECONDS + 1}}\n`);
    expect(await feed.publish({ entitlements: tenants(49), nowMs: NOW_MS + 91 * DAY_MS })).toMatchObject({
      counts: { gone: 0 },
    });
  });

  it("F5 · is one whole generation for who reads while it is written", async () => {
    await feed.publish({ entitlements: onPlan("starter", 200) });
    for (let round = 0; round < 12; round++) {
      const plan = round % 2 === 0 ? "pro" : "enterprise";
      const [report] = await Promise.all([feed.verify(), feed.publish({ entitlements: onPlan(plan, 200) })]);
      expect(report).toMatchObject({ isGood: true, faults: [] });
    }
  });

  it("is made whole again where a part of it is damaged or lost", async () => {
    await feed.publish();
    const files = Object.keys(await filesOf(feed.out));
    for (const kind of ["chunks", "policy", "index", "locks"]) {
      const file = files.find((name) => name.startsWith(kind)) ?? "";
      await writeFile(join(feed.out, file), "damaged");
      expect((await feed.verify()).isGood).toBe(false);
      expect((await feed.publish()).files.written).toBeGreaterThan(0);
      expect(await feed.verify()).toMatchObject({ isGood: true });
      await rm(join(feed.out, file));
      await feed.publish();
      expect(await feed.verify()).toMatchObject({ isGood: true });
    }
  });

  it("says that removals may be lost where the index was", async () => {
    await feed.publish();
    await rm(join(feed.out, "index"), { recursive: true });
    const { warnings, version } = await feed.publish({ entitlements: tenants(40) });
    expect(warnings).toEqual([expect.stringMatching(/^the index of the generation before could not be read/)]);
    expect(version.seq).toBe(2);
  });
});

describe("a build refuses, and changes nothing in the directory, where", () => {
  async function expectRefused(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
    await expect(promise).rejects.toMatchObject({ name: "DimmerError", code, message: expect.stringMatching(message) });
  }

  it("the directory holds something else", async () => {
    await mkdir(feed.out);
    await writeFile(join(feed.out, "thesis.txt"), "");
    await expectRefused(
      feed.publish(),
      "disk_failed",
      /feed holds "thesis\.txt", which is no part of a feed; name an empty directory/,
    );
    expect(await readdir(feed.out)).toEqual(["thesis.txt"]);
  });

  it("the directory is a file, or a link", async () => {
    await writeFile(feed.out, "");
    await expectRefused(feed.publish(), "disk_failed", /it is a file; name a directory/);
    await mkdir(join(feed.folder, "real"));
    await symlink(join(feed.folder, "real"), join(feed.folder, "link"));
    await expectRefused(
      feed.publish({ outDir: join(feed.folder, "link") }),
      "disk_failed",
      /is a symbolic link; name the directory itself/,
    );
    await mkdir(join(feed.folder, "half"));
    await symlink(join(feed.folder, "real"), join(feed.folder, "half", "chunks"));
    await expectRefused(
      feed.publish({ outDir: join(feed.folder, "half") }),
      "disk_failed",
      /chunks is a symbolic link/,
    );
    expect(await readdir(join(feed.folder, "real"))).toEqual([]);
  });

  it("something in the directory cannot be read or written", async () => {
    await feed.publish();
    const chunk = Object.keys(await filesOf(feed.out)).find((file) => file.startsWith("chunks/")) ?? "";
    await rm(join(feed.out, chunk));
    await mkdir(join(feed.out, chunk));
    await expectRefused(feed.publish(), "disk_failed", /^cannot write the feed to .*feed: E/);
    await rm(join(feed.out, "head.jws"));
    await mkdir(join(feed.out, "head.jws"));
    await expectRefused(feed.publish(), "disk_failed", /^cannot build the feed in .*feed: EISDIR/);
  });

  it("the directory holds a feed of other keys or another audience, or a head that is damaged", async () => {
    await feed.publish();
    const before = await filesOf(feed.out);
    const foreign = await createKeyDirectory(join(feed.folder, "foreign"));
    await expectRefused(
      feed.publish({ keys: foreign }),
      "feed_refused",
      /does not verify with these keys .*build with its keys, or into another/,
    );
    await expectRefused(feed.publish({ audience: "production" }), "feed_refused", /the audience "production"/);
    expect(await filesOf(feed.out)).toEqual(before);
    await writeFile(join(feed.out, "head.jws"), "garbage");
    await expectRefused(feed.publish(), "feed_refused", /does not verify/);
  });

  it("the input is at fault", async () => {
    await feed.publish();
    const before = await filesOf(feed.out);
    await expectRefused(
      feed.publish({ entitlements: [...tenants(2), ...tenants(1)] }),
      "entitlement_invalid",
      /given twice/,
    );
    expect(await filesOf(feed.out)).toEqual(before);
  });
});

describe("writeFeedDirectory", () => {
  let signers: FeedSigners;
  let first: BuiltFeed;
  let second: BuiltFeed;

  beforeAll(async () => {
    signers = await generateSigners();
    first = await build(signers, { entitlements: tenants(20) });
    second = await build(signers, { entitlements: tenants(10), after: first });
  });

  it("F1 · never puts an older version, or another content of the same one, in place of what is there", async () => {
    await writeFeedDirectory(feed.out, second);
    const before = await filesOf(feed.out);
    await expect(writeFeedDirectory(feed.out, first)).rejects.toMatchObject({
      code: "feed_refused",
      message: expect.stringMatching(/holds version 1\.2, newer than 1\.1/),
    });
    const twin = await build(signers, { entitlements: tenants(5), after: first });
    await expect(writeFeedDirectory(feed.out, twin)).rejects.toThrow(/holds another content as version 1\.2/);
    expect(await filesOf(feed.out)).toEqual(before);
  });

  it("never replaces a keyset by another one", async () => {
    await writeFeedDirectory(feed.out, first);
    const foreign = await build(await generateSigners(), { entitlements: tenants(20) });
    await rm(join(feed.out, "head.jws"));
    await expect(writeFeedDirectory(feed.out, foreign)).rejects.toThrow(/keysets\/000001\.jws is another keyset/);
  });

  it("removes what a crash left unfinished, and nothing that it does not know", async () => {
    await writeFeedDirectory(feed.out, first);
    await writeFile(join(feed.out, "chunks", ".tmp-1234-x.ndjson"), "half");
    await writeFile(join(feed.out, "chunks", "README"), "mine");
    await writeFeedDirectory(feed.out, second);
    const names = await readdir(join(feed.out, "chunks"));
    expect([names.includes("README"), names.some((name) => name.startsWith(".tmp-"))]).toEqual([true, false]);
  });
});

describe("buildFeedDirectory", () => {
  it("builds from a tenants file by the standard policy, and issues tokens from what it built", async () => {
    const tenantsFile = join(feed.folder, "tenants.yaml");
    await writeFile(
      tenantsFile,
      "- { tenant: acme, plan: pro, lock: { cause: security, case: INC-1, since: now-1h } }\n- { tenant: b, plan: pro }\n",
    );
    const built = await buildFeedDirectory({
      tenantsFile,
      outDir: feed.out,
      keysDir: feed.keysDir,
      audience: "test",
      nowMs: NOW_MS,
    });
    expect(built).toMatchObject({ trust: feed.keys.trust, version: { epoch: 1, seq: 1 }, changed: true, warnings: [] });
    expect(built.counts).toMatchObject({ tenants: 2, locked: 1 });
    expect(await feed.verify()).toMatchObject({
      isGood: true,
      policy: { name: "standard" },
      freshUntil: NOW_SECONDS + 30 * 86_400,
    });
    const token = await issueEntitlementToken({
      tenant: "acme",
      feedDirectory: feed.out,
      keys: feed.keys,
      ttlMs: 60_000,
      nowMs: NOW_MS,
    });
    expect(inspectStatement(token ?? "").payload).toMatchObject({
      sub: "acme",
      exp: NOW_SECONDS + 60,
      lock: { since: NOW_SECONDS - 3_600 },
    });
    expect(
      await issueEntitlementToken({ tenant: "nobody", feedDirectory: feed.out, keys: feed.keys, nowMs: NOW_MS }),
    ).toBeUndefined();
  });

  it("counts relative instants from where it is told, so that a rebuild later changes nothing", async () => {
    const tenantsFile = join(feed.folder, "tenants.yaml");
    await writeFile(
      tenantsFile,
      "- { tenant: a, plan: pro, restrictions: [{ cause: manual, case: c, steps: [{ at: now, mode: grace }] }] }",
    );
    const options = { tenantsFile, outDir: feed.out, keysDir: feed.keysDir, audience: "test", instantsFromMs: NOW_MS };
    await buildFeedDirectory({ ...options, nowMs: NOW_MS });
    expect(await buildFeedDirectory({ ...options, nowMs: NOW_MS + 60_000 })).toMatchObject({ changed: false });
    expect(
      await buildFeedDirectory({ ...options, instantsFromMs: NOW_MS + 60_000, nowMs: NOW_MS + 60_000 }),
    ).toMatchObject({ changed: true });
  });

  it("takes a policy file in JSON or YAML, and refuses one that does not lint with its findings", async () => {
    const tenantsFile = join(feed.folder, "tenants.ndjson");
    await writeFile(tenantsFile, '{"tenant":"a","plan":"pro"}\n');
    const { standardPolicy } = await import("@dimmer/core/standard-policy");
    const policyFile = join(feed.folder, "policy.json");
    const options = {
      tenantsFile,
      policyFile,
      outDir: feed.out,
      keysDir: feed.keysDir,
      audience: "test",
      nowMs: NOW_MS,
    };
    await writeFile(policyFile, JSON.stringify({ ...standardPolicy, name: "ours" }, undefined, 2));
    await buildFeedDirectory(options);
    expect(await feed.verify()).toMatchObject({ isGood: true, policy: { name: "ours" } });
    await writeFile(policyFile, JSON.stringify({ ...standardPolicy, zone: "Mars/Olympus" }));
    await expect(buildFeedDirectory(options)).rejects.toMatchObject({
      code: "policy_invalid",
      message: expect.stringMatching(/policy\.json does not lint:\n {2}zone: /),
    });
    await writeFile(policyFile, "modes: [\n");
    await expect(buildFeedDirectory(options)).rejects.toMatchObject({
      code: "input_invalid",
      message: expect.stringMatching(/policy\.json:\d: not YAML/),
    });
    await writeFile(policyFile, "hello");
    await expect(buildFeedDirectory(options)).rejects.toMatchObject({ code: "policy_invalid" });
    await expect(buildFeedDirectory({ ...options, policyFile: join(feed.folder, "none.json") })).rejects.toMatchObject({
      code: "disk_failed",
    });
    expect(await feed.verify()).toMatchObject({ isGood: true, policy: { name: "ours" }, version: { seq: 1 } });
  });

  it("refuses a tenants file at fault with its line, and the last good feed stays", async () => {
    const tenantsFile = join(feed.folder, "tenants.yaml");
    await writeFile(tenantsFile, "- { tenant: a, plan: pro }\n");
    const options = { tenantsFile, outDir: feed.out, keysDir: feed.keysDir, audience: "test", nowMs: NOW_MS };
    await buildFeedDirectory(options);
    const before = await filesOf(feed.out);
    await writeFile(tenantsFile, "- { tenant: a, plan: pro }\n- { tenant: b, plan: gold }\n");
    await expect(buildFeedDirectory(options)).rejects.toThrow(
      /tenants\.yaml:2: tenant "b", plan: plan "gold" is not in the policy/,
    );
    expect(await filesOf(feed.out)).toEqual(before);
    await buildFeedDirectory({ ...options, allowInvalid: true });
    expect((await feed.verify()).faults).toMatchObject([
      { severity: "warning", message: expect.stringContaining("quarantine") },
    ]);
  });
});
