import { appendFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { watchFile } from "../../src/dev/watch-file.ts";
import { scratch } from "../run-dimmer.ts";

function watched(pollMs = 60_000): { path: string; told: (string | undefined)[] } {
  const path = join(scratch(), "tenants.yaml");
  writeFileSync(path, "first");
  const told: (string | undefined)[] = [];
  const watch = watchFile(path, (text) => told.push(text), { settleMs: 10, pollMs });
  onTestFinished(() => watch.close());
  return { path, told };
}

/** Bounded: file events come when the system sends them. */
async function eventually(told: readonly unknown[], last: string | undefined): Promise<void> {
  await vi.waitFor(() => expect(told.at(-1)).toBe(last), { timeout: 3_000, interval: 5 });
}

describe("a watched file", () => {
  it("is told when it is written in place", async () => {
    const { path, told } = watched();
    writeFileSync(path, "second");
    await eventually(told, "second");
    expect(told).toEqual(["second"]);
  });

  it("is told when another file is renamed over it, again and again", async () => {
    const { path, told } = watched();
    for (const text of ["second", "third"]) {
      writeFileSync(`${path}.tmp`, text);
      renameSync(`${path}.tmp`, path);
      await eventually(told, text);
    }
    expect(told).toEqual(["second", "third"]);
  });

  it("is told when it is moved away first and written anew, as vim does", async () => {
    const { path, told } = watched();
    renameSync(path, `${path}~`);
    writeFileSync(path, "second");
    await eventually(told, "second");
  });

  it("is told whole when it is truncated and written in pieces", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const { path, told } = watched(1_000);
    writeFileSync(path, "");
    vi.advanceTimersByTime(1_000);
    for (const piece of ["se", "co", "nd"]) {
      appendFileSync(path, piece);
      vi.advanceTimersByTime(10);
      expect(told).toEqual([]);
    }
    vi.advanceTimersByTime(20);
    expect(told).toEqual(["second"]);
  });

  it("is told as gone, and when it is back", async () => {
    const { path, told } = watched();
    rmSync(path);
    await vi.waitFor(() => expect(told).toEqual([undefined]), { timeout: 3_000, interval: 5 });
    writeFileSync(path, "back");
    await eventually(told, "back");
  });

  it("is not told when it is saved without a change", async () => {
    const { path, told } = watched();
    writeFileSync(path, "first");
    writeFileSync(path, "second");
    await eventually(told, "second");
    expect(told).toEqual(["second"]);
  });

  it("is found changed by looking where no event comes", async () => {
    const { path, told } = watched(20);
    writeFileSync(path, "second");
    await eventually(told, "second");
  });
});
