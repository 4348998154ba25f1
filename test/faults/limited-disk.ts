import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NotRun, type Stage } from "./scenario.ts";

/** A directory on a disk that can be full. */
export interface LimitedDisk {
  /** `tmpfs`: a file system of its own; `rlimit`: no file of the process may grow past a few bytes. */
  readonly kind: "tmpfs" | "rlimit";
  /** From now on `pid` cannot write there. */
  fill(pid: number): void;
  free(pid: number): void;
}

const FILLER = ".filler";

/**
 * Makes a directory whose disk can be filled: a tmpfs where this process may mount one, else by the limit of file sizes.
 *
 * @throws {NotRun} where neither is to be had
 */
export function limitedDisk(stage: Stage, directory: string, megabytes: number): LimitedDisk {
  mkdirSync(directory, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "dimmer-faults", directory], { stdio: "pipe" });
  } catch {
    return byLimit();
  }
  stage.atEnd(() => execFileSync("umount", ["-l", directory], { stdio: "pipe" }));
  return {
    kind: "tmpfs",
    fill: () => {
      // In ever smaller pieces, until not one byte fits.
      for (const size of [1 << 20, 1 << 16, 1 << 12, 1]) {
        for (let n = 0; tryWrite(join(directory, `${FILLER}-${size}-${n}`), size); n++);
      }
    },
    free: () => {
      for (const size of [1 << 20, 1 << 16, 1 << 12, 1]) {
        for (let n = 0; n < 2_000; n++) rmSync(join(directory, `${FILLER}-${size}-${n}`), { force: true });
      }
    },
  };
}

function byLimit(): LimitedDisk {
  const limit = (pid: number, to: string): void => {
    try {
      execFileSync("prlimit", ["--pid", String(pid), `--fsize=${to}`], { stdio: "pipe" });
    } catch {
      throw new NotRun("neither a tmpfs can be mounted nor a limit set: run it as root, or install util-linux");
    }
  };
  return {
    kind: "rlimit",
    fill: (pid) => limit(pid, "16:unlimited"),
    free: (pid) => limit(pid, "unlimited:unlimited"),
  };
}

function tryWrite(path: string, bytes: number): boolean {
  try {
    writeFileSync(path, Buffer.alloc(bytes));
    return true;
  } catch {
    rmSync(path, { force: true });
    return false;
  }
}
