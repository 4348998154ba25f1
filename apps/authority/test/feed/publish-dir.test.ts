import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { verifyFeed } from "@dimmer/feed/build";
import { fileOfPart, followFeed, type PartKind } from "@dimmer/feed/follow";
import { directorySource, systemClock } from "@dimmer/feed/node";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import { smallDisk } from "../support/small-disk.ts";

let folder: string;
let directory: string;
let authority: RunningAuthority | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dimmer-publish-"));
  directory = join(folder, "feed");
});
afterEach(async () => {
  await authority?.stop();
  authority = undefined;
  rmSync(folder, { recursive: true, force: true });
});

const start = async (publishDir = directory): Promise<RunningAuthority> => {
  authority = await runAuthority({ listEveryMs: 0, headEveryMs: 100, config: { publishDir } });
  return authority;
};
const put = (of: RunningAuthority, id: string): Promise<{ readonly status: number }> =>
  of.ask("PUT", `/v1/tenants/${id}`, { body: { name: id, plan: "pro" } });
const metric = async (of: RunningAuthority, name: string): Promise<number> => {
  const { text } = await of.ask("GET", "/metrics", { key: "" });
  return Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1]);
};

describe("a directory that an authority publishes into", () => {
  it("holds byte for byte what the doors serve", async () => {
    const running = await start();
    const fleet = await running.fleetSecret();
    const security = await running.keyWith("security");
    for (const id of ["acme", "beta"]) await put(running, id);
    await running.ask("PUT", "/v1/tenants/acme/locks/INC", { key: security, body: { cause: "security" } });
    const trusted = { trust: [running.trust], audience: "development", nowMs: Date.now() };
    const whole = async (): Promise<unknown> =>
      (await verifyFeed(directorySource(directory), trusted).catch(() => undefined))?.counts;
    await expect.poll(whole, { timeout: 10_000 }).toMatchObject({ tenants: 2, locked: 1 });
    let parts = 0;
    for (const kind of ["index", "policy", "locks", "chunks"] satisfies PartKind[]) {
      for (const name of readdirSync(join(directory, kind))) {
        const digest = name.slice(0, 43);
        expect(name).toBe(fileOfPart(kind, digest).split("/")[1]);
        const served = await fetch(`${running.url}/v1/feed/${kind}/${digest}`, {
          headers: { authorization: `Bearer ${fleet}` },
        });
        expect(Buffer.from(await served.arrayBuffer())).toEqual(readFileSync(join(directory, kind, name)));
        parts++;
      }
    }
    expect(parts).toBeGreaterThan(5);
    const keysets = await running.ask("GET", "/v1/feed/keysets", { key: fleet });
    expect(keysets.json()).toEqual({ keysets: [readFileSync(join(directory, "keysets/000001.jws"), "latin1")] });
  });

  it("is followed by a replica, and continued after a restart", async () => {
    const running = await start();
    await put(running, "acme");
    const replica = followFeed({
      sources: [directorySource(directory)],
      trust: [running.trust],
      clock: systemClock(),
      pollMs: 20,
    });
    await vi.waitUntil(() => replica.check("acme", "view").reason === "granted", { timeout: 10_000 });
    await running.close();
    const again = await runAuthority({
      folder: running.folder,
      listEveryMs: 0,
      headEveryMs: 100,
      config: { publishDir: directory },
    });
    await again.ask("PUT", "/v1/tenants/later", { key: running.admin, body: { name: "x", plan: "pro" } });
    await vi.waitUntil(() => replica.check("later", "view").reason === "granted", { timeout: 10_000 });
    expect(replica.check("acme", "view").reason).toBe("granted");
    await replica.close();
    await again.close();
  }, 30_000);

  it("that is full is told and counted, holds what its head names, and is caught up by itself; signing goes on", async () => {
    const disk = smallDisk(1 << 20);
    if (disk === undefined) return;
    try {
      const running = await start(join(disk.path, "feed"));
      await expect.poll(() => existsSync(join(disk.path, "feed/head.jws")), { timeout: 10_000 }).toBe(true);
      disk.fill();
      await expect.poll(() => metric(running, "dimmer_publish_dir_failing"), { timeout: 10_000 }).toBe(1);
      const before = await metric(running, "dimmer_feed_seq");
      for (let i = 0; i < 5; i++) expect((await put(running, `t${i}`)).status).toBe(201);
      expect(await metric(running, "dimmer_feed_seq")).toBe(before + 5);
      expect(await metric(running, "dimmer_publish_dir_failures_total")).toBeGreaterThan(0);
      const told = running.logged.filter((line) => line.includes("cannot be written to its directory"));
      expect(told).toHaveLength(1);
      expect(told[0]).toContain("ENOSPC");
      const trusted = { trust: [running.trust], audience: "development", nowMs: Date.now() };
      const source = directorySource(join(disk.path, "feed"));
      expect(await verifyFeed(source, trusted)).toMatchObject({ isGood: true });
      disk.empty();
      await expect.poll(() => metric(running, "dimmer_publish_dir_failing"), { timeout: 20_000 }).toBe(0);
      await expect.poll(async () => (await verifyFeed(source, trusted)).counts?.tenants, { timeout: 20_000 }).toBe(5);
      await running.close();
    } finally {
      disk.remove();
    }
  }, 60_000);

  it("that holds something else is left alone", async () => {
    const running = await start(join(import.meta.dirname, ".."));
    await expect.poll(() => metric(running, "dimmer_publish_dir_failing"), { timeout: 10_000 }).toBe(1);
    expect((await put(running, "acme")).status).toBe(201);
    expect(running.logged.join()).toContain("which is no part of a feed");
  });
});
