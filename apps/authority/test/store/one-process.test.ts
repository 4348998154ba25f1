import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { takeLease } from "../../src/sequencer/lease.ts";
import { openStore } from "../../src/store/open-store.ts";
import { smallDisk } from "../support/small-disk.ts";

const folder = mkdtempSync(join(tmpdir(), "dimmer-one-process-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a SQLite store", () => {
  it("is refused to a second process, at its start and with the way out", async () => {
    const url = `sqlite:${join(folder, "authority.db")}`;
    const store = await openStore(url);
    const program = `
      const { openStore } = await import(${JSON.stringify(new URL("../../src/store/open-store.ts", import.meta.url).href)});
      await openStore(${JSON.stringify(url)}).then(() => console.log("opened"), (error) => console.log(error.code, error.message));`;
    const args = ["--conditions=@dimmer/source", "--input-type=module", "-e", program];
    const open = (): string => spawnSync(process.execPath, args, { encoding: "utf8" }).stdout.trim();
    expect(open()).toMatch(/^disk_failed .*another authority has it open; stop that one, or use PostgreSQL/);
    await store.close();
    expect(open()).toBe("opened");
  });

  it("has what was committed by a process that was killed, whose lease lasts no longer than it did", async () => {
    const url = `sqlite:${join(folder, "killed.db")}`;
    const program = `
      const { openStore } = await import(${JSON.stringify(new URL("../../src/store/open-store.ts", import.meta.url).href)});
      const store = await openStore(${JSON.stringify(url)});
      await store.db.insertInto("meta").values({ key: "written", value: "1" }).execute();
      await store.db.insertInto("lease").values({ name: "sequencer", holder: "killed", term: 7, until_ms: 9e15 }).execute();
      process.kill(process.pid, "SIGKILL");`;
    const args = ["--conditions=@dimmer/source", "--input-type=module", "-e", program];
    expect(spawnSync(process.execPath, args).signal).toBe("SIGKILL");
    expect(statSync(join(folder, "killed.db-wal")).size).toBeGreaterThan(0);
    writeFileSync(join(folder, "killed.db.copy-left"), "a copy that was under way");
    const store = await openStore(url);
    expect(existsSync(join(folder, "killed.db.copy-left"))).toBe(false);
    const row = await store.db.selectFrom("meta").select("value").where("key", "=", "written").executeTakeFirst();
    expect(row).toEqual({ value: "1" });
    const lease = await takeLease(store, { name: "sequencer", holder: "next", nowMs: 0, ttlMs: 1 });
    expect(lease).toMatchObject({ holder: "next", term: 8 });
    await store.close();
  });

  it("is refused in a directory that cannot be written", async () => {
    const disk = smallDisk(1 << 20);
    if (disk === undefined) return;
    try {
      execFileSync("mount", ["-o", "remount,ro", disk.path]);
      await expect(openStore(`sqlite:${join(disk.path, "a.db")}`)).rejects.toMatchObject({ code: "disk_failed" });
    } finally {
      disk.remove();
    }
  });

  it("says what is wrong with a path that cannot be opened", async () => {
    await expect(openStore("sqlite:/nowhere/at/all.db")).rejects.toMatchObject({ code: "disk_failed" });
  });

  it("is named by a URL of two kinds, and no other", async () => {
    for (const url of ["", "sqlite:", "mysql://x", "authority.db"]) {
      await expect(openStore(url)).rejects.toMatchObject({ code: "options_invalid" });
    }
  });

  it("never shows the password of a URL that it refuses", async () => {
    const refused = await openStore("mysql://me:hunter2@host/db").catch((error: unknown) => String(error));
    expect(refused).not.toContain("hunter2");
  });
});
