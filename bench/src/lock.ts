import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where the machine's one lock lies, whatever `TMPDIR` says: who measures beside another measures the other. */
const LOCK_PATH = join(process.platform === "win32" ? tmpdir() : "/tmp", "dimmer-bench.lock");

/**
 * Takes the lock for this process, also from one that is dead. Of two that take over at the same instant one may take
 * what the other has just taken; the loser of that ends with the error.
 *
 * @returns gives it back
 * @throws {Error} where another process that lives has it
 */
export function takeLock(path: string = LOCK_PATH, pid: number = process.pid): () => void {
  const own = `${path}.${pid}`;
  writeFileSync(own, `${pid}\n`);
  try {
    if (!isLinked(own, path)) {
      const holder = holderOf(path);
      if (holder !== undefined && isAlive(holder)) {
        throw new Error(`another run (pid ${holder}) is measuring on this machine; its lock is ${path}`);
      }
      rmSync(path, { force: true });
      if (!isLinked(own, path)) throw new Error(`another run (pid ${holderOf(path) ?? "?"}) has just begun`);
    }
  } finally {
    rmSync(own, { force: true });
  }
  return () => {
    if (holderOf(path) === pid) rmSync(path, { force: true });
  };
}

/** The file appears whole, with its process in it, or not at all. */
function isLinked(own: string, path: string): boolean {
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function holderOf(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
