import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { takeLock } from "../src/lock.ts";

function lockPath(): { readonly folder: string; readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-lock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return { folder, path: join(folder, "bench.lock") };
}

test("refuses a second run, and names the one that is measuring", () => {
  const { folder, path } = lockPath();
  // The parent of this process lives, and is another.
  const giveBack = takeLock(path, process.ppid);
  expect(() => takeLock(path)).toThrow(`another run (pid ${process.ppid}) is measuring`);
  expect(readdirSync(folder)).toEqual(["bench.lock"]);
  giveBack();
  expect(existsSync(path)).toBe(false);
});

test("takes over from a process that is dead, and from a lock that says nothing", () => {
  const { path } = lockPath();
  const { pid } = spawnSync(process.execPath, ["--version"]);
  for (const left of [`${pid}\n`, "", "rubbish"]) {
    writeFileSync(path, left);
    const giveBack = takeLock(path);
    expect(readFileSync(path, "utf8")).toBe(`${process.pid}\n`);
    giveBack();
  }
});

test("gives back what is its own alone", () => {
  const { path } = lockPath();
  const giveBack = takeLock(path);
  writeFileSync(path, `${process.ppid}\n`);
  giveBack();
  expect(readFileSync(path, "utf8")).toBe(`${process.ppid}\n`);
});
