import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { NotRun, type Stage } from "./scenario.ts";

/** A disk of its own in a file: what of it is in the file at an instant is what a power cut leaves. */
export interface LoopDisk {
  /** Where it is mounted. */
  readonly directory: string;
  /**
   * Copies what is on the disk at this moment and mounts the copy, whose file system recovers its journal then. What the
   * kernel has not written yet is lost in it, as it is with the power.
   *
   * @returns `undefined` where the disk was written to during the copy each time: then it is of no one instant
   */
  cutPower(): CutDisk | undefined;
}

/** A disk as the power cut left it. */
export interface CutDisk {
  readonly directory: string;
  unmount(): void;
}

const TRIES = 5;
let made = 0;

/**
 * Makes an ext4 file system in a file and mounts it through a loop device.
 *
 * @throws {NotRun} where this process may not
 */
export function loopDisk(stage: Stage, megabytes: number): LoopDisk {
  if (process.getuid?.() !== 0) throw new NotRun("mounting a loop device takes root");
  const name = `disk${++made}`;
  const image = join(stage.folder, `${name}.img`);
  const directory = join(stage.folder, name);
  writeFileSync(image, "");
  truncateSync(image, megabytes << 20);
  let device: string;
  try {
    run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", image);
    device = run("losetup", "--find", "--show", image).trim();
  } catch (error) {
    throw new NotRun(
      `no loop device with ext4 can be had (${error instanceof Error ? error.message.split("\n")[0] : ""})`,
    );
  }
  stage.atEnd(() => run("losetup", "--detach", device));
  mkdirSync(directory);
  try {
    run("mount", device, directory);
  } catch (error) {
    throw new NotRun(`a loop device cannot be mounted (${error instanceof Error ? error.message.split("\n")[0] : ""})`);
  }
  stage.atEnd(() => run("umount", "-l", directory));
  const written = (): string =>
    readFileSync(`/sys/block/${basename(device)}/stat`, "utf8")
      .trim()
      .split(/\s+/)
      .slice(4, 9)
      .join();
  return {
    directory,
    cutPower: () => {
      const copy = join(stage.folder, `${name}-${++made}.img`);
      for (let tried = 0; tried < TRIES; tried++) {
        const before = written();
        copyFileSync(image, copy);
        if (written() === before) return mountCopy(stage, copy);
      }
      rmSync(copy, { force: true });
      return undefined;
    },
  };
}

function mountCopy(stage: Stage, image: string): CutDisk {
  const directory = `${image}-mounted`;
  mkdirSync(directory);
  run("mount", "-o", "loop", image, directory);
  let isMounted = true;
  const unmount = (): void => {
    if (!isMounted) return;
    isMounted = false;
    run("umount", "-l", directory);
    rmSync(image, { force: true });
  };
  stage.atEnd(unmount);
  return { directory, unmount };
}

function run(file: string, ...args: string[]): string {
  return execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
