import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Outbox, sqliteStore } from "../../src/index.ts";
import { scratchPath } from "../support/scratch.ts";

/** A directory on a small disk of its own, where this process may mount one. */
function smallDisk(): string | undefined {
  const directory = join(dirname(scratchPath("x")), "disk");
  mkdirSync(directory);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "dimmer-webhooks", directory], { stdio: "pipe" });
  } catch {
    return undefined;
  }
  onTestFinished(() => void execFileSync("umount", ["-l", directory], { stdio: "pipe" }));
  return directory;
}

const append = (store: Outbox, id: string, size: number): Promise<readonly unknown[]> =>
  store.append([
    { event: { tenant: "acme", endpoint: "a", id, type: "t", body: "x".repeat(size) }, nowMs: 1, isHeld: true },
  ]);

describe("a disk that is full", () => {
  it("refuses the new event loudly, keeps every old one, and takes events again when there is room", async ({
    skip,
  }) => {
    const directory = smallDisk();
    if (directory === undefined) {
      console.log("not run: a full disk, which needs the right to mount one");
      return skip();
    }
    const store = sqliteStore(join(directory, "outbox.db"));
    onTestFinished(() => store.close());
    let taken = 0;
    const refusal = await (async () => {
      for (;;) {
        try {
          await append(store, `e${taken}`, 50_000);
          taken++;
        } catch (error) {
          return error;
        }
      }
    })();
    expect(refusal).toMatchObject({
      code: "disk_failed",
      retryable: true,
      message: expect.stringMatching(/full|disk/i),
    });
    expect(taken).toBeGreaterThan(3);
    expect(await store.status("acme")).toMatchObject([{ waiting: taken, gap: undefined }]);
    expect((await store.list({ tenant: "acme", state: "waiting", limit: 1_000 })).map(({ id }) => id)).toEqual(
      Array.from({ length: taken }, (_, n) => `e${n}`),
    );
    execFileSync("mount", ["-o", "remount,size=8m", directory], { stdio: "pipe" });
    await append(store, "after", 50_000);
    expect(await store.status("acme")).toMatchObject([{ waiting: taken + 1 }]);
    writeFileSync(join(directory, "proof"), "the disk takes writes");
  });
});
