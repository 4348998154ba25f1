import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of its own that is soon full. */
export interface SmallDisk {
  readonly path: string;
  /** Takes all the room that is left. */
  readonly fill: () => void;
  /** Gives it back. */
  readonly empty: () => void;
  readonly remove: () => void;
}

/** Mounts a file system of some bytes; `undefined`, and a line that says so, where that is not permitted. */
export function smallDisk(bytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), "dimmer-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "none", path], { stdio: "ignore" });
  } catch {
    rmSync(path, { recursive: true });
    process.stdout.write("a full disk: not run (mounting a file system is not permitted here)\n");
    return undefined;
  }
  const ballast = join(path, "ballast");
  return {
    path,
    fill: () => {
      const file = openSync(ballast, "a");
      for (const size of [65_536, 4_096, 1]) {
        try {
          for (;;) writeSync(file, Buffer.alloc(size));
        } catch {
          // Full for pieces of this size.
        }
      }
      closeSync(file);
    },
    empty: () => rmSync(ballast, { force: true }),
    remove: () => {
      execFileSync("umount", ["-l", path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
