import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { openStore } from "../../src/store/open-store.ts";

const folder = mkdtempSync(join(tmpdir(), "dimmer-one-process-"));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

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
