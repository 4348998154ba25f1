import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DimmerError } from "@dimmer/core";

/** The file that is there while somebody builds into a directory. */
export const LOCK_FILE = ".build.lock";

const RETRY_MS = 25;
/** A lock this old is nobody's: no build takes as long, and its process may have run on another machine. */
const STALE_MS = 10 * 60_000;

/** A lock that says nothing for so long is that of a process that died while it wrote it. */
const TORN_MS = 2_000;

/** Tokens of the locks that this process holds: after a restart in a container the process id is often the same. */
const held = new Set<string>();

/** A lock that is held. */
export interface DirectoryLock {
  /** @throws {DimmerError} `disk_failed` where somebody else has taken the lock: what follows must not be written */
  assertHeld(): Promise<void>;
  /** Lets go. Once. */
  release(): Promise<void>;
}

/**
 * Takes the lock of a directory, so that of two builds the second begins where the first ended: both would else give
 * one version to two contents. A lock whose process is gone is taken over.
 *
 * @param options.waitMs how long to wait for another build; 0 fails at once
 * @throws {DimmerError} `disk_failed`, retryable, where another build is still under way then
 */
export async function lockDirectory(
  directory: string,
  { waitMs }: { readonly waitMs: number },
): Promise<DirectoryLock> {
  const path = join(directory, LOCK_FILE);
  const token = randomBytes(12).toString("hex");
  const text = JSON.stringify({ pid: process.pid, host: hostname(), token });
  const deadlineMs = performance.now() + waitMs;
  held.add(token);
  while (!(await create(path, text))) {
    const owner = await ownerOf(path);
    if (owner?.isGone === true) {
      await removeIfStill(path, owner.text);
      continue;
    }
    if (performance.now() >= deadlineMs) {
      held.delete(token);
      const who = owner?.pid === undefined ? "another process" : `process ${owner.pid}`;
      throw new DimmerError("disk_failed", `${directory}: ${who} is building into it; wait for it, or remove ${path}`, {
        retryable: true,
      });
    }
    await sleep(RETRY_MS);
  }
  const isHeld = async (): Promise<boolean> => (await readText(path)) === text;
  return {
    assertHeld: async () => {
      if (await isHeld()) return;
      throw new DimmerError("disk_failed", `${directory}: another build has taken over; build again`, {
        retryable: true,
      });
    },
    release: async () => {
      held.delete(token);
      if (await isHeld()) await unlink(path).catch(() => undefined);
    },
  };
}

async function create(path: string, text: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, "wx", 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  }
  try {
    await file.writeFile(text);
    return true;
  } catch (cause) {
    // On a full disk there is room for the name and not for what stands in it: nobody is to wait for that.
    await unlink(path).catch(() => undefined);
    throw cause;
  } finally {
    await file.close();
  }
}

interface Owner {
  readonly text: string;
  readonly pid?: number;
  readonly isGone: boolean;
}

async function ownerOf(path: string): Promise<Owner | undefined> {
  const [text, stats] = await Promise.all([readText(path), stat(path).catch(() => undefined)]);
  if (text === undefined || stats === undefined) return undefined;
  const ageMs = Date.now() - stats.mtimeMs;
  try {
    const { pid, host, token } = JSON.parse(text) as { pid: number; host: string; token: string };
    const isDead = host === hostname() && (pid === process.pid ? !held.has(token) : !isRunning(pid));
    return { text, pid, isGone: isDead || ageMs > STALE_MS };
  } catch {
    return { text, isGone: ageMs > TORN_MS };
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Removes a lock that is nobody's, unless somebody has put a new one in its place meanwhile. */
async function removeIfStill(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  // A third process may lock in between; `assertHeld` then stops the one whose lock this was.
  if ((await readText(aside)) !== text) await link(aside, path).catch(() => undefined);
  await unlink(aside).catch(() => undefined);
}

async function readText(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(() => undefined);
}
