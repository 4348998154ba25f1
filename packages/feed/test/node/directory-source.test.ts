import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rename, rm, symlink, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { followFeed, type Replica } from "@dimmer/feed/follow";
import { directorySource, writeFeedDirectory } from "@dimmer/feed/node";
import { expect, it, onTestFinished } from "vitest";
import { AUD, build, NOW_MS, tenants } from "../build/fixture.ts";
import { FakeClock } from "../follow/fake-clock.ts";
import { nameOf } from "../follow/forge.ts";
import { signers, trust } from "../follow/replica-fixture.ts";

const first = await build(signers, { entitlements: tenants(20) });
const second = await build(signers, {
  entitlements: tenants(20).map((tenant) => ({ ...tenant, plan: "starter" })),
  after: first,
});

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "dimmer-feed-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function written(feed = first): Promise<string> {
  const directory = join(await temporary(), "feed");
  await mkdir(directory);
  await writeFeedDirectory(directory, feed);
  return directory;
}

async function follow(directory: string): Promise<Replica> {
  const clock = new FakeClock(NOW_MS);
  const replica = followFeed({ sources: [directorySource(directory)], trust: [trust], audience: AUD, clock });
  onTestFinished(() => replica.close());
  await replica.refresh();
  return replica;
}

const stateOf = (replica: Replica): unknown => [replica.version, replica.value("tenant-1", "seats")];
const faultOf = (replica: Replica): unknown => replica.status().sources[0];

it("follows a directory, and what is written into it", async () => {
  const directory = await written();
  const replica = await follow(directory);
  expect(stateOf(replica)).toEqual([first.version, 25]);
  await writeFeedDirectory(directory, second);
  await replica.refresh();
  expect(stateOf(replica)).toEqual([second.version, 5]);
});

it("says unchanged while the head's file is the same, and reads it again once it is another", async () => {
  const directory = await written();
  const source = directorySource(directory);
  const head = await source.head();
  const etag = head === "unchanged" ? "" : (head.etag ?? "");
  expect(await source.head({ etag })).toBe("unchanged");
  await writeFile(join(directory, "new"), first.head);
  await rename(join(directory, "new"), join(directory, "head.jws"));
  expect(await source.head({ etag })).toMatchObject({ token: first.head });
});

it("waits for a directory that is not there yet, and goes on when it vanishes", async () => {
  const directory = join(await temporary(), "later");
  const replica = await follow(directory);
  expect(faultOf(replica)).toMatchObject({
    state: "failing",
    lastError: `${directory}/head.jws: there is no feed here`,
  });
  await mkdir(directory);
  await writeFeedDirectory(directory, first);
  await replica.refresh();
  expect(stateOf(replica)).toEqual([first.version, 25]);
  await rm(directory, { recursive: true });
  await replica.refresh();
  expect(stateOf(replica)).toEqual([first.version, 25]);
  expect(faultOf(replica)).toMatchObject({ state: "failing" });
});

it("refuses a directory copied in part, naming the file, and takes it once it is whole", async () => {
  const directory = await written();
  const replica = await follow(directory);
  await cp(await written(second), directory, { recursive: true });
  const missing = `${nameOf(second, "chunks")}.ndjson`;
  await unlink(join(directory, missing));
  await replica.refresh();
  expect(stateOf(replica)).toEqual([first.version, 25]);
  expect(replica.status().refusals).toMatchObject({ count: 1, last: { code: "feed_refused" } });
  expect(replica.status().refusals.last?.message).toBe(
    `${directory}/${missing} is missing, though it is named; the feed is copied in part, or damaged`,
  );
  await cp(await written(second), directory, { recursive: true });
  await replica.refresh();
  expect(stateOf(replica)).toEqual([second.version, 5]);
});

it("refuses a directory that became a symbolic link, and keeps the last good state", async () => {
  const directory = await written();
  const replica = await follow(directory);
  await rename(directory, `${directory}-aside`);
  await symlink(await written(second), directory);
  await replica.refresh();
  expect(stateOf(replica)).toEqual([first.version, 25]);
  expect(replica.status().refusals.last?.message).toMatch(/feed is a symbolic link, which is not followed/);
  await unlink(directory);
  await rename(await written(second), directory);
  await replica.refresh();
  expect(stateOf(replica)).toEqual([second.version, 5]);
});

it.each(["chunks", "keysets", "index"])("refuses %s as a symbolic link to another directory", async (name) => {
  const directory = await written();
  await rename(join(directory, name), `${directory}-${name}`);
  await symlink(`${directory}-${name}`, join(directory, name));
  const replica = await follow(directory);
  expect(replica.isReady).toBe(false);
  expect(replica.status().refusals.last?.message).toMatch(new RegExp(`${name} is a symbolic link`));
});

it.each(["head", "chunks", "policy"])("refuses a symbolic link in place of a file of %s", async (kind) => {
  const directory = await written();
  const file =
    kind === "head" ? "head.jws" : `${nameOf(first, kind as "policy")}.${kind === "chunks" ? "ndjson" : "jws"}`;
  await rename(join(directory, file), `${directory}-file`);
  await symlink(`${directory}-file`, join(directory, file));
  const replica = await follow(directory);
  expect(replica.isReady).toBe(false);
  expect(replica.status().refusals.last?.message).toMatch(/is a symbolic link, which is not followed/);
});

it("refuses what is too large before it reads it, and what is no file", async () => {
  const directory = await written();
  await truncate(join(directory, "head.jws"), 10_000_000_000);
  const replica = await follow(directory);
  expect(replica.status().refusals.last?.message).toMatch(/head\.jws has 10000000000 bytes, at most 4096 are read/);
  await unlink(join(directory, "head.jws"));
  await mkdir(join(directory, "head.jws"));
  await replica.refresh();
  expect(replica.status().refusals.last?.message).toMatch(/head\.jws is no regular file/);
  await rm(join(directory, "head.jws"), { recursive: true });
  await promisify(execFile)("mkfifo", [join(directory, "head.jws")]);
  await replica.refresh();
  expect(replica.status().refusals.last?.message).toMatch(/head\.jws is no regular file/);
});

it("reads keysets in their order and nothing else that lies beside them", async () => {
  const directory = await written();
  await writeFile(join(directory, "keysets", ".tmp-1"), "x");
  await writeFile(join(directory, "keysets", "notes.txt"), "x");
  expect(await directorySource(directory).keysets()).toEqual(first.keysets);
  expect((await readdir(join(directory, "keysets"))).length).toBe(3);
});

it("asks for parts by digests alone", async () => {
  const source = directorySource(await written());
  await expect(source.part("chunks", "../../../../etc/passwd")).rejects.toMatchObject({ code: "feed_refused" });
});
