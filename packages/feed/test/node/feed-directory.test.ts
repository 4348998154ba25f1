import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuiltFeed, type FeedSigners, verifyFeed } from "@dimmer/feed/build";
import {
  buildFeedDirectory,
  createKeyDirectory,
  directorySource,
  issueEntitlementToken,
  type KeyDirectory,
  type PublishFeedOptions,
  publishFeed,
  writeFeedDirectory,
} from "@dimmer/feed/node";
import { inspectStatement } from "@dimmer/statement";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { build, DAY_MS, generateSigners, NOW_MS, NOW_SECONDS, tenants } from "../build/fixture.ts";

let shared: string;
let keysDir: string;
let keys: KeyDirectory;
let folder: string;
let out: string;

beforeAll(async () => {
  shared = await mkdtemp(join(tmpdir(), "dimmer-feed-keys-"));
  keysDir = join(shared, "keys");
  keys = await createKeyDirectory(keysDir);
});
afterAll(async () => {
  await rm(shared, { recursive: true });
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "dimmer-feed-"));
  out = join(folder, "feed");
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function publish(changes: Partial<PublishFeedOptions> = {}) {
  const defaults = { entitlements: tenants(50), locks: [], audience: "test", nowMs: NOW_MS };
  return await publishFeed({ outDir: out, keys, ...defaults, ...changes });
}

async function verify(directory = out) {
  return await verifyFeed(directorySource(directory), { trust: [keys.trust], audience: "test", nowMs: NOW_MS });
}

/** Every file of a directory, relative to it, with its bytes. */
async function filesOf(directory: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[path.slice(directory.length + 1)] = await readFile(path, "utf8");
  }
  return files;
}

/** The plan of everybody, changed: a generation that shares no filled chunk with the others. */
function onPlan(plan: string, count = 50) {
  return tenants(count).map((item) => ({ ...item, plan }));
}

describe("a feed directory", () => {
  it("has head, keysets, index, policy, locks and chunks by their digests, readable by the group at most", async () => {
    await publish();
    const files = Object.keys(await filesOf(out));
    const shapes = new Set(files.map((file) => file.replace(/[\w-]{43}/, "D")));
    expect([...shapes].sort()).toEqual(
      ["chunks/D.ndjson", "head.jws", "index/D.jws", "keysets/000001.jws", "locks/D.jws", "policy/D.jws"].sort(),
    );
    for (const file of files) expect((await stat(join(out, file))).mode & 0o007).toBe(0);
    expect((await stat(out)).mode & 0o007).toBe(0);
    expect(await verify()).toMatchObject({ isGood: true, faults: [], counts: { tenants: 50 } });
  });

  it("is byte for byte the same for the same input and time, in whichever directory", async () => {
    await publish({ entitlements: tenants(300) });
    const other = join(folder, "other");
    await publish({ entitlements: tenants(300).reverse(), outDir: other });
    expect(await filesOf(other)).toEqual(await filesOf(out));
  });

  it("is left as it is by a build that brings nothing new, and gets another head where only the time is new", async () => {
    await publish();
    const before = await filesOf(out);
    const inode = (await stat(join(out, Object.keys(before).find((file) => file.startsWith("index/")) ?? ""))).ino;
    expect(await publish()).toMatchObject({ changed: false, files: { written: 0, removed: 0 } });
    expect(await filesOf(out)).toEqual(before);
    expect(await publish({ nowMs: NOW_MS + 5_000 })).toMatchObject({
      changed: false,
      files: { written: 1, removed: 0 },
    });
    const after = await filesOf(out);
    expect({ ...after, "head.jws": "" }).toEqual({ ...before, "head.jws": "" });
    expect((await stat(join(out, Object.keys(after).find((file) => file.startsWith("index/")) ?? ""))).ino).toBe(inode);
    expect(inspectStatement(after["head.jws"] ?? "").payload).toMatchObject({ iat: NOW_SECONDS + 5, seq: 1 });
  });

  it("keeps the generation before, and no older one", async () => {
    await publish({ entitlements: onPlan("starter") });
    const first = Object.keys(await filesOf(out));
    await publish({ entitlements: onPlan("pro") });
    const second = Object.keys(await filesOf(out));
    expect(second).toEqual(expect.arrayContaining(first));
    // A head that is signed anew is no generation: who reads the one before goes on reading it.
    await publish({ entitlements: onPlan("pro"), nowMs: NOW_MS + 5_000 });
    expect(Object.keys(await filesOf(out))).toEqual(expect.arrayContaining(first));
    const { files } = await publish({ entitlements: onPlan("enterprise") });
    const third = Object.keys(await filesOf(out));
    expect(third).toEqual(expect.arrayContaining(second.filter((file) => !first.includes(file))));
    const old = first.filter((file) => /^(?:index|chunks)\//.test(file) && !third.includes(file));
    expect(old).toHaveLength(files.removed);
    expect(files.removed).toBeGreaterThan(10);
    expect(await verify()).toMatchObject({ isGood: true, version: { epoch: 1, seq: 3 } });
  });

  it("names who was removed by a tombstone with the time of the build", async () => {
    await publish({ entitlements: tenants(50) });
    await publish({ entitlements: tenants(49), nowMs: NOW_MS + 1_000 });
    const lines = Object.values(await filesOf(out)).join("\n");
    expect(lines).toContain(`{"tenant":"tenant-49","gone":${NOW_SECONDS + 1}}\n`);
    expect(await publish({ entitlements: tenants(49), nowMs: NOW_MS + 91 * DAY_MS })).toMatchObject({
      counts: { gone: 0 },
    });
  });

  it("F5 · is one whole generation for who reads while it is written", async () => {
    await publish({ entitlements: onPlan("starter", 200) });
    for (let round = 0; round < 12; round++) {
      const plan = round % 2 === 0 ? "pro" : "enterprise";
      const [report] = await Promise.all([verify(), publish({ entitlements: onPlan(plan, 200) })]);
      expect(report).toMatchObject({ isGood: true, faults: [] });
    }
  });

  it("is made whole again where a part of it is damaged or lost", async () => {
    await publish();
    const files = Object.keys(await filesOf(out));
    for (const file of files.filter((name) => /^(?:chunks|policy|locks|index)\//.test(name))) {
      await writeFile(join(out, file), "damaged");
      expect((await verify()).isGood).toBe(false);
      expect((await publish()).files.written).toBeGreaterThan(0);
      expect(await verify()).toMatchObject({ isGood: true });
      await rm(join(out, file));
      await publish();
      expect(await verify()).toMatchObject({ isGood: true });
    }
  });

  it("says that removals may be lost where the index was", async () => {
    await publish();
    await rm(join(out, "index"), { recursive: true });
    const { warnings, version } = await publish({ entitlements: tenants(40) });
    expect(warnings).toEqual([expect.stringMatching(/^the index of the generation before could not be read/)]);
    expect(version.seq).toBe(2);
  });
});

describe("a build refuses, and changes nothing in the directory, where", () => {
  async function expectRefused(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
    await expect(promise).rejects.toMatchObject({ name: "DimmerError", code, message: expect.stringMatching(message) });
  }

  it("the directory holds something else", async () => {
    await mkdir(out);
    await writeFile(join(out, "thesis.txt"), "");
    await expectRefused(
      publish(),
      "disk_failed",
      /feed holds "thesis\.txt", which is no part of a feed; name an empty directory/,
    );
    expect(await readdir(out)).toEqual(["thesis.txt"]);
  });

  it("the directory is a file, or a link", async () => {
    await writeFile(out, "");
    await expectRefused(publish(), "disk_failed", /it is a file; name a directory/);
    await mkdir(join(folder, "real"));
    await symlink(join(folder, "real"), join(folder, "link"));
    await expectRefused(
      publish({ outDir: join(folder, "link") }),
      "disk_failed",
      /is a symbolic link; name the directory itself/,
    );
    await mkdir(join(folder, "half"));
    await symlink(join(folder, "real"), join(folder, "half", "chunks"));
    await expectRefused(publish({ outDir: join(folder, "half") }), "disk_failed", /chunks is a symbolic link/);
    expect(await readdir(join(folder, "real"))).toEqual([]);
  });

  it("something in the directory cannot be read or written", async () => {
    await publish();
    const chunk = Object.keys(await filesOf(out)).find((file) => file.startsWith("chunks/")) ?? "";
    await rm(join(out, chunk));
    await mkdir(join(out, chunk));
    await expectRefused(publish(), "disk_failed", /^cannot write the feed to .*feed: E/);
    await rm(join(out, "head.jws"));
    await mkdir(join(out, "head.jws"));
    await expectRefused(publish(), "disk_failed", /^cannot build the feed in .*feed: EISDIR/);
  });

  it("the directory holds a feed of other keys or another audience, or a head that is damaged", async () => {
    await publish();
    const before = await filesOf(out);
    const foreign = await createKeyDirectory(join(folder, "foreign"));
    await expectRefused(
      publish({ keys: foreign }),
      "feed_refused",
      /does not verify with these keys .*build with its keys, or into another/,
    );
    await expectRefused(publish({ audience: "production" }), "feed_refused", /the audience "production"/);
    expect(await filesOf(out)).toEqual(before);
    await writeFile(join(out, "head.jws"), "garbage");
    await expectRefused(publish(), "feed_refused", /does not verify/);
  });

  it("the input is at fault", async () => {
    await publish();
    const before = await filesOf(out);
    await expectRefused(
      publish({ entitlements: [...tenants(2), ...tenants(1)] }),
      "entitlement_invalid",
      /given twice/,
    );
    expect(await filesOf(out)).toEqual(before);
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
    await writeFeedDirectory(out, second);
    const before = await filesOf(out);
    await expect(writeFeedDirectory(out, first)).rejects.toMatchObject({
      code: "feed_refused",
      message: expect.stringMatching(/holds version 1\.2, newer than 1\.1/),
    });
    const twin = await build(signers, { entitlements: tenants(5), after: first });
    await expect(writeFeedDirectory(out, twin)).rejects.toThrow(/holds another content as version 1\.2/);
    expect(await filesOf(out)).toEqual(before);
  });

  it("never replaces a keyset by another one", async () => {
    await writeFeedDirectory(out, first);
    const foreign = await build(await generateSigners(), { entitlements: tenants(20) });
    await rm(join(out, "head.jws"));
    await expect(writeFeedDirectory(out, foreign)).rejects.toThrow(/keysets\/000001\.jws is another keyset/);
  });

  it("removes what a crash left unfinished, and nothing that it does not know", async () => {
    await writeFeedDirectory(out, first);
    await writeFile(join(out, "chunks", ".tmp-1234-x.ndjson"), "half");
    await writeFile(join(out, "chunks", "README"), "mine");
    await writeFeedDirectory(out, second);
    const names = await readdir(join(out, "chunks"));
    expect([names.includes("README"), names.some((name) => name.startsWith(".tmp-"))]).toEqual([true, false]);
  });
});

describe("builds at once", () => {
  it("of one process follow one another: every content has a version of its own", async () => {
    const built = await Promise.all(
      ["a", "b", "c", "d", "e"].map((name) => publish({ entitlements: [{ tenant: name, plan: "pro" }] })),
    );
    expect(new Set(built.map(({ version }) => version.seq))).toEqual(new Set([1, 2, 3, 4, 5]));
    expect(await verify()).toMatchObject({ isGood: true, version: { seq: 5 }, counts: { tenants: 1, gone: 4 } });
    expect(await readdir(out)).not.toContain(".build.lock");
  });

  it("of several processes follow one another", async () => {
    const children = ["a", "b", "c"].map((name) => publishing(name, 5));
    const codes = await Promise.all(children.map(async (child) => (await once(child, "exit"))[0] as number));
    expect(codes).toEqual([0, 0, 0]);
    expect(await verify()).toMatchObject({ isGood: true, version: { seq: 15 } });
  }, 60_000);

  it("F5 · one of which is killed at any point leave a whole generation, and the next one goes on", async () => {
    for (const moment of ["entitlements", "chunks", "files", "published"]) {
      const child = publishing("killed", 1_000);
      for await (const [text] of lines(child)) if (text.startsWith(moment)) break;
      child.kill("SIGKILL");
      await once(child, "exit");
      const isFirst = !(await readdir(out)).includes("head.jws");
      if (!isFirst) expect(await verify()).toMatchObject({ isGood: true, faults: [] });
      await publish();
      expect(await verify()).toMatchObject({ isGood: true, faults: [] });
    }
    expect((await readdir(out)).filter((name) => name.startsWith("."))).toEqual([]);
  }, 60_000);

  it("wait for one another, and give up with who holds the lock", async () => {
    await publish();
    const lock = join(out, ".build.lock");
    await writeFile(lock, JSON.stringify({ pid: process.ppid, host: hostname(), token: "x" }));
    await expect(publish({ lockWaitMs: 30 })).rejects.toMatchObject({
      code: "disk_failed",
      retryable: true,
      message: expect.stringMatching(
        new RegExp(`process ${process.ppid} is building into it; wait for it, or remove `),
      ),
    });
    await writeFile(lock, JSON.stringify({ pid: 1, host: "elsewhere", token: "x" }));
    await expect(publish({ lockWaitMs: 0 })).rejects.toThrow(/process 1 is building/);
    const long = new Date(Date.now() - 3_600_000);
    await utimes(lock, long, long);
    await publish({ lockWaitMs: 0 });
    await expect(lstat(lock)).rejects.toThrow("ENOENT");
  });

  it("take over a lock that a process died over while it wrote it", async () => {
    await publish();
    const lock = join(out, ".build.lock");
    await writeFile(lock, "");
    await expect(publish({ lockWaitMs: 0 })).rejects.toThrow(/another process is building/);
    const past = new Date(Date.now() - 3_000);
    await utimes(lock, past, past);
    await expect(publish({ lockWaitMs: 0 })).resolves.toMatchObject({ changed: false });
  });

  it("take over a lock of this very process number, which a container gives again after a restart", async () => {
    await publish();
    await writeFile(join(out, ".build.lock"), JSON.stringify({ pid: process.pid, host: hostname(), token: "x" }));
    await expect(publish({ lockWaitMs: 0 })).resolves.toMatchObject({ changed: false });
  });

  function publishing(name: string, times: number): ChildProcess {
    const script = fileURLToPath(new URL("./publish-again.ts", import.meta.url));
    return spawn(process.execPath, ["--conditions=@dimmer/source", script, out, keysDir, name, String(times)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  async function* lines(child: ChildProcess): AsyncGenerator<[string]> {
    for await (const data of child.stdout ?? []) for (const text of String(data).split("\n")) yield [text];
  }
});

describe("buildFeedDirectory", () => {
  it("builds from a tenants file by the standard policy, and issues tokens from what it built", async () => {
    const tenantsFile = join(folder, "tenants.yaml");
    await writeFile(
      tenantsFile,
      "- { tenant: acme, plan: pro, lock: { cause: security, case: INC-1, since: now-1h } }\n- { tenant: b, plan: pro }\n",
    );
    const built = await buildFeedDirectory({ tenantsFile, outDir: out, keysDir, audience: "test", nowMs: NOW_MS });
    expect(built).toMatchObject({ trust: keys.trust, version: { epoch: 1, seq: 1 }, changed: true, warnings: [] });
    expect(built.counts).toMatchObject({ tenants: 2, locked: 1 });
    expect(await verify()).toMatchObject({
      isGood: true,
      policy: { name: "standard" },
      freshUntil: NOW_SECONDS + 30 * 86_400,
    });
    const token = await issueEntitlementToken({
      tenant: "acme",
      feedDirectory: out,
      keys,
      ttlMs: 60_000,
      nowMs: NOW_MS,
    });
    expect(inspectStatement(token ?? "").payload).toMatchObject({
      sub: "acme",
      exp: NOW_SECONDS + 60,
      lock: { since: NOW_SECONDS - 3_600 },
    });
    expect(await issueEntitlementToken({ tenant: "nobody", feedDirectory: out, keys, nowMs: NOW_MS })).toBeUndefined();
  });

  it("counts relative instants from where it is told, so that a rebuild later changes nothing", async () => {
    const tenantsFile = join(folder, "tenants.yaml");
    await writeFile(
      tenantsFile,
      "- { tenant: a, plan: pro, restrictions: [{ cause: manual, case: c, steps: [{ at: now, mode: grace }] }] }",
    );
    const options = { tenantsFile, outDir: out, keysDir, audience: "test", instantsFromMs: NOW_MS };
    await buildFeedDirectory({ ...options, nowMs: NOW_MS });
    expect(await buildFeedDirectory({ ...options, nowMs: NOW_MS + 60_000 })).toMatchObject({ changed: false });
    expect(
      await buildFeedDirectory({ ...options, instantsFromMs: NOW_MS + 60_000, nowMs: NOW_MS + 60_000 }),
    ).toMatchObject({ changed: true });
  });

  it("takes a policy file in JSON or YAML, and refuses one that does not lint with its findings", async () => {
    const tenantsFile = join(folder, "tenants.ndjson");
    await writeFile(tenantsFile, '{"tenant":"a","plan":"pro"}\n');
    const { standardPolicy } = await import("@dimmer/core/standard-policy");
    const policyFile = join(folder, "policy.json");
    const options = { tenantsFile, policyFile, outDir: out, keysDir, audience: "test", nowMs: NOW_MS };
    await writeFile(policyFile, JSON.stringify({ ...standardPolicy, name: "ours" }, undefined, 2));
    await buildFeedDirectory(options);
    expect(await verify()).toMatchObject({ isGood: true, policy: { name: "ours" } });
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
    await expect(buildFeedDirectory({ ...options, policyFile: join(folder, "none.json") })).rejects.toMatchObject({
      code: "disk_failed",
    });
    expect(await verify()).toMatchObject({ isGood: true, policy: { name: "ours" }, version: { seq: 1 } });
  });

  it("refuses a tenants file at fault with its line, and the last good feed stays", async () => {
    const tenantsFile = join(folder, "tenants.yaml");
    await writeFile(tenantsFile, "- { tenant: a, plan: pro }\n");
    const options = { tenantsFile, outDir: out, keysDir, audience: "test", nowMs: NOW_MS };
    await buildFeedDirectory(options);
    const before = await filesOf(out);
    await writeFile(tenantsFile, "- { tenant: a, plan: pro }\n- { tenant: b, plan: gold }\n");
    await expect(buildFeedDirectory(options)).rejects.toThrow(
      /tenants\.yaml:2: tenant "b", plan: plan "gold" is not in the policy/,
    );
    expect(await filesOf(out)).toEqual(before);
    await buildFeedDirectory({ ...options, allowInvalid: true });
    expect((await verify()).faults).toMatchObject([
      { severity: "warning", message: expect.stringContaining("quarantine") },
    ]);
  });
});
