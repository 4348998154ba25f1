import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { followFeed } from "@dimmer/feed/follow";
import { diskStore } from "@dimmer/feed/node";
import { expect, it, onTestFinished } from "vitest";
import { AUD, build, changedPolicy, DAY_MS, NOW_MS, NOW_SECONDS, tenants } from "../build/fixture.ts";
import { FakeClock } from "./fake-clock.ts";
import { forge, nameOf } from "./forge.ts";
import { MemorySource, type ServedFeed } from "./memory-source.ts";
import { MemoryStore } from "./memory-store.ts";
import { type Followed, follow, signers, trust } from "./replica-fixture.ts";

const lock = { tenant: "tenant-1", cause: "security" as const, case: "INC-1", since: NOW_SECONDS, allow: [] };
const first = await build(signers, { entitlements: tenants(40), locks: [lock] });
const second = await build(signers, {
  entitlements: tenants(40).map((tenant) => ({ ...tenant, plan: "starter" })),
  locks: [lock, { ...lock, tenant: "tenant-2" }],
  after: first,
});
const third = await build(signers, { entitlements: tenants(40), locks: [lock], after: second });

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "dimmer-store-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Follows feeds one after the other with a store, each by a replica of its own, so that each is kept. */
async function record(directory: string, feeds: readonly ServedFeed[]): Promise<void> {
  for (const feed of feeds) {
    const { replica } = await follow(new MemorySource(feed), { store: diskStore(directory) });
    expect(replica.status().refusals.count).toBe(0);
    await replica.close();
    expect(replica.status().store).toEqual({ name: directory, state: "ok" });
  }
}

const restart = (directory: string, feed?: ServedFeed, clock = new FakeClock(NOW_MS)): Promise<Followed> =>
  follow(new MemorySource(feed), { store: diskStore(directory), clock });

async function damage(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.with(Math.floor(bytes.length / 2), (bytes[Math.floor(bytes.length / 2)] as number) ^ 1));
}

it("starts from disk with the source gone, byte for byte what it held", async () => {
  const directory = await temporary();
  await record(directory, [first, second]);
  const { replica } = await restart(directory);
  expect(replica.isReady).toBe(true);
  expect(replica.version).toEqual(second.version);
  expect(replica.value("tenant-3", "seats")).toBe(5);
  expect(replica.check("tenant-2", "view", "admin").reason).toBe("locked");
  expect(replica.readHead()?.token).toBe(second.head);
  expect(replica.readKeysets()).toEqual(second.keysets);
  for (const [name, bytes] of second.parts) {
    const [kind, digest] = name.split("/") as ["index", string];
    expect(await replica.readPart(kind, digest)).toEqual(new Uint8Array(bytes));
  }
});

it("takes max(wall clock, iat) for now after a restart, until it receives a head", async () => {
  const directory = await temporary();
  await record(directory, [first]);
  const clock = new FakeClock(NOW_MS + 5 * DAY_MS);
  const { replica } = await restart(directory, undefined, clock);
  expect(replica.clockMs).toBe(NOW_MS + 5 * DAY_MS);
  expect(replica.status()).toMatchObject({ freshness: "stale", horizonMs: NOW_MS + DAY_MS });
  await replica.close();
  const early = await restart(directory, first, new FakeClock(NOW_MS - DAY_MS));
  expect(early.replica.clockMs).toBe(NOW_MS);
  early.clock.pass(3_000);
  expect(early.replica.clockMs).toBe(NOW_MS + 3_000);
});

it("F1 · refuses an older head after a restart", async () => {
  const directory = await temporary();
  await record(directory, [first, second]);
  const { replica } = await restart(directory, first);
  expect(replica.version).toEqual(second.version);
  expect(replica.status().refusals.last).toMatchObject({ code: "statement_outdated" });
});

it("F5 · uses the generation before where the newest is damaged, sets it aside, and takes nothing below it", async () => {
  const directory = await temporary();
  await record(directory, [first, second, third]);
  const chunk = nameOf(third, "chunks");
  await damage(join(directory, `${chunk}.ndjson`));
  const { replica, logged } = await restart(directory, first);
  expect(replica.version).toEqual(second.version);
  expect(replica.value("tenant-3", "seats")).toBe(5);
  const set = await readdir(join(directory, "quarantine"));
  expect(set).toHaveLength(1);
  expect(set[0]).toContain(chunk.split("/")[1]);
  expect(logged.some((message) => message.includes("set aside as"))).toBe(true);
  expect(replica.status().refusals.last?.code).toBe("statement_outdated");
  // F1: what it serves is older, what it takes is not.
  expect(logged.some((message) => message.includes(`${chunk}.ndjson: has the digest`))).toBe(true);
  await replica.close();
  const healed = await restart(directory, third);
  expect(healed.replica.version).toEqual(third.version);
  await healed.replica.close();
  const again = await restart(directory);
  expect(again.replica.version).toEqual(third.version);
});

it("F1 · takes no other content for the version that it can no longer serve", async () => {
  const directory = await temporary();
  await record(directory, [first, second]);
  await damage(join(directory, `${nameOf(second, "chunks")}.ndjson`));
  const other = await build(signers, {
    entitlements: tenants(7),
    locks: [lock, { ...lock, tenant: "tenant-2" }],
    after: first,
  });
  expect(other.version).toEqual(second.version);
  const { replica } = await restart(directory, other);
  expect(replica.version).toEqual(first.version);
  expect(replica.status().refusals.last?.message).toMatch(/has the version that is held, but another content/);
});

it("F1 · has a generation on the disk before it counts", async () => {
  const store = new MemoryStore();
  const source = new MemorySource(first);
  const { replica, clock } = await follow(source, { store });
  for (const [feed, isPatient] of [
    [second, true],
    [third, false],
  ] as const) {
    const gate = Promise.withResolvers<void>();
    const { promise: saving, resolve: onSaving } = Promise.withResolvers<void>();
    const save = store.save.bind(store);
    store.save = async (generation) => {
      onSaving();
      await gate.promise;
      await save(generation);
    };
    const before = replica.version;
    source.feed = feed;
    const refreshed = replica.refresh();
    await saving;
    expect(replica.version).toEqual(before);
    if (isPatient) gate.resolve();
    // A disk that hangs does not keep an update from counting.
    else clock.pass(2_000);
    await refreshed;
    expect(replica.version).toEqual(feed.version);
    gate.resolve();
    store.save = save;
  }
});

it("D3 · keeps the newer lock list where only the rest of its generation is damaged", async () => {
  const directory = await temporary();
  await record(directory, [first, second]);
  await damage(join(directory, `${nameOf(second, "index")}.jws`));
  const { replica } = await restart(directory);
  expect(replica.version).toEqual(first.version);
  expect(replica.check("tenant-2", "view", "admin").reason).toBe("locked");
  expect(replica.status()).toMatchObject({ locked: 2, locksVersion: second.locksVersion });
});

it("D2 · holds the newer lock list when it says that it is ready, and serves no head that names an older one", async () => {
  const directory = await temporary();
  await record(directory, [first, second]);
  await damage(join(directory, `${nameOf(second, "index")}.jws`));
  const replica = followFeed({
    sources: [new MemorySource()],
    trust: [trust],
    audience: AUD,
    store: diskStore(directory),
    clock: new FakeClock(NOW_MS),
  });
  onTestFinished(() => replica.close());
  const { promise, resolve } = Promise.withResolvers<string>();
  replica.subscribe((event) => {
    if (event.type === "ready") resolve(replica.check("tenant-2", "view", "admin").reason);
  });
  expect(await promise).toBe("locked");
  expect(replica.readHead()).toBeUndefined();
});

it("D3 · keeps locks where no generation is whole any more", async () => {
  const directory = await temporary();
  await record(directory, [first, second]);
  for (const feed of [first, second]) await rm(join(directory, `${nameOf(feed, "index")}.jws`));
  const { replica } = await restart(directory);
  expect(replica.isReady).toBe(false);
  expect(replica.check("tenant-2", "view", "admin").reason).toBe("locked");
  expect(replica.check("tenant-3", "view", "admin").reason).toBe("no_data");
});

it("never throws for what lies on its disk", async () => {
  for (const file of ["manifest.json", "generations", "chunks", "locks", "policy"]) {
    for (const content of ["", "{}", "\0".repeat(100), '{"format":1,"generations":["x"]}', "[]"]) {
      const directory = await temporary();
      await record(directory, [first, second]);
      const path = join(directory, file);
      const paths = (await stat(path)).isDirectory() ? (await readdir(path)).map((name) => join(path, name)) : [path];
      for (const each of paths) await writeFile(each, content);
      const { replica } = await restart(directory, second);
      expect(replica.version).toEqual(second.version);
      await replica.close();
      const again = await restart(directory);
      expect(again.replica.version, `${file} ${content}`).toEqual(second.version);
    }
  }
}, 20_000);

it("finds its generations again where the manifest is lost", async () => {
  const directory = await temporary();
  await record(directory, [first, second]);
  await damage(join(directory, "manifest.json"));
  const { replica } = await restart(directory);
  expect(replica.version).toEqual(second.version);
});

it("says so where nothing on its disk is whole any more", async () => {
  const directory = await temporary();
  await record(directory, [first]);
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) await writeFile(join(entry.parentPath, entry.name), "damaged");
  }
  const { replica, logged } = await restart(directory);
  expect(replica.isReady).toBe(false);
  expect(replica.status().refusals).toMatchObject({ count: 2, last: { code: "disk_failed" } });
  expect(logged.join("\n")).toContain("nothing of what was held is left");
});

it("keeps two generations and no more", async () => {
  const directory = await temporary();
  await record(directory, [first, second, third]);
  const kept = (await readdir(join(directory, "generations"))).length;
  expect(kept).toBe(2);
  const { replica } = await restart(directory);
  expect(replica.version).toEqual(third.version);
  await replica.close();
  const fourth = await build(signers, { entitlements: tenants(40), after: third });
  const fifth = await build(signers, { entitlements: tenants(39), after: fourth });
  await record(directory, [fourth, fifth]);
  const files = await readdir(join(directory, "index"));
  const named = [fourth, fifth, third].map((feed) => `${nameOf(feed, "index").split("/")[1]}.jws`);
  expect(files.filter((name) => !named.includes(name))).toEqual([]);
});

it("keeps files for its owner alone", async () => {
  const directory = await temporary();
  await record(directory, [first]);
  for (const path of ["manifest.json", `${nameOf(first, "chunks")}.ndjson`]) {
    expect((await stat(join(directory, path))).mode & 0o777).toBe(0o600);
  }
  expect((await stat(join(directory, "chunks"))).mode & 0o777).toBe(0o700);
});

it("goes on in memory where it may not write, and says so", async () => {
  const directory = await temporary();
  const file = join(directory, "a-file");
  await writeFile(file, "");
  const { replica, logged } = await follow(new MemorySource(first), { store: diskStore(join(file, "data")) });
  expect(replica.isReady).toBe(true);
  await replica.close();
  expect(replica.status().store).toMatchObject({ state: "failing" });
  expect(replica.status().store?.lastError).toMatch(/ENOTDIR|not a directory/);
  expect(logged.filter((message) => message.includes("generations are not kept"))).not.toEqual([]);
  const chunk = nameOf(first, "chunks").split("/")[1] as string;
  expect(await replica.readPart("chunks", chunk)).toEqual(
    new Uint8Array(first.parts.get(`chunks/${chunk}`) as Uint8Array),
  );
});

it("notices that a part was removed from its disk, and fetches it again", async () => {
  const directory = await temporary();
  const one = await build(signers, {
    entitlements: tenants(40).map((tenant) => (tenant.tenant === "tenant-7" ? { ...tenant, plan: "starter" } : tenant)),
    locks: [lock],
    after: first,
  });
  const unchanged = [...first.parts.keys()].find((name) => name.startsWith("chunks/") && one.parts.has(name));
  const source = new MemorySource(first);
  const { replica, clock } = await follow(source, { store: diskStore(directory) });
  await rm(join(directory, `${unchanged}.ndjson`));
  source.feed = one;
  await replica.refresh();
  expect(replica.version).toEqual(one.version);
  expect(replica.status().store?.lastError).toMatch(/\.ndjson is missing$/);
  clock.pass(60_000);
  await expect.poll(() => replica.status().store?.state).toBe("ok");
  await replica.close();
  const again = await restart(directory);
  expect(again.replica.version).toEqual(one.version);
});

it("F4 · keeps a tenant that is missing without a tombstone across a restart", async () => {
  const directory = await temporary();
  const never = await build(signers, { entitlements: tenants(39), locks: [lock] });
  const forgetful = await forge(never, signers, {
    index: (index) => ({ ...index, seq: 2 }),
    locks: (locks) => ({ ...locks, seq: 2 }),
    head: (head) => ({ ...head, seq: 2, locks: { ...head.locks, seq: 2 } }),
  });
  const later = await forge(never, signers, {
    index: (index) => ({ ...index, seq: 3 }),
    locks: (locks) => ({ ...locks, seq: 3 }),
    head: (head) => ({ ...head, seq: 3, locks: { ...head.locks, seq: 3 } }),
  });
  await record(directory, [first, forgetful, later]);
  const { replica } = await restart(directory);
  expect(replica.version).toEqual({ epoch: 1, seq: 3 });
  expect(replica.check("tenant-39", "create", "admin")).toMatchObject({ reason: "granted" });
  expect(replica.status()).toMatchObject({ tenants: 40, counters: { keptMissing: 1 } });
  await replica.close();
  const again = await restart(directory);
  expect(again.replica.status()).toMatchObject({ tenants: 40, counters: { keptMissing: 1 } });
});

it("F3 · keeps the previous entitlement of a quarantined tenant across a restart, under the policy that knew it", async () => {
  const wider = changedPolicy((policy) => {
    policy.plans["gold"] = { features: { ...policy.plans["pro"]?.features, seats: 77 } };
  });
  const golden = await build(signers, { entitlements: [{ tenant: "a", plan: "gold" }], policy: wider });
  const narrower = await build(signers, {
    entitlements: [{ tenant: "a", plan: "gold" }, ...tenants(2)],
    after: golden,
    allowInvalid: true,
  });
  const later = await build(signers, {
    entitlements: [{ tenant: "a", plan: "gold" }, ...tenants(3)],
    after: narrower,
    allowInvalid: true,
  });
  const directory = await temporary();
  await record(directory, [golden, narrower, later]);
  const { replica } = await restart(directory);
  expect(replica.status().quarantine).toEqual({ count: 1, tenants: [{ tenant: "a", why: 'plan "gold"' }] });
  expect(replica.value("a", "seats")).toBe(77);
  expect(replica.check("a", "create", "admin").reason).toBe("granted");
});

it("keeps what it holds where another trust is given, and does not use it", async () => {
  const directory = await temporary();
  await record(directory, [first, second]);
  const stranger = await follow(new MemorySource(), {
    store: diskStore(directory),
    trust: [`SHA256:${"A".repeat(43)}`],
  });
  expect(stranger.replica.isReady).toBe(false);
  expect(stranger.replica.status().refusals.last?.code).toBe("statement_untrusted");
  await stranger.replica.close();
  const { replica } = await restart(directory);
  expect(replica.version).toEqual(second.version);
});
