import type { StoreFiles } from "@dimmer/feed/node";
import { nodeStoreFiles as real } from "../../packages/feed/src/node/store-files.ts";
import type { Random } from "./random.ts";

/**
 * The real file operations until the `step`-th that changes anything. Of that one a random part happens, as when the
 * power goes or the process dies, and everything after it fails.
 */
export function tearingFiles(random: Random, step: number): StoreFiles {
  let left = step;
  const dead = (): Promise<never> =>
    Promise.reject(Object.assign(new Error("the process is gone"), { code: "EIO", syscall: "write" }));
  const changing = async (
    whole: () => Promise<void>,
    part: () => Promise<void> = async () => undefined,
  ): Promise<void> => {
    left -= 1;
    if (left > 0) return await whole();
    if (left === 0) await part();
    return await dead();
  };
  return {
    ...real,
    makeDirectory: (path) => changing(() => real.makeDirectory(path)),
    write: (path, bytes) =>
      changing(
        () => real.write(path, bytes),
        () => real.write(path, bytes.subarray(0, random.int(0, bytes.length))),
      ),
    append: (path, bytes) =>
      changing(
        () => real.append(path, bytes),
        () => real.append(path, bytes.subarray(0, random.int(0, bytes.length))),
      ),
    rename: (from, to) =>
      changing(
        () => real.rename(from, to),
        () => (random.next() < 0.5 ? real.rename(from, to) : Promise.resolve()),
      ),
    remove: (path) => changing(() => real.remove(path)),
    syncDirectory: (path) => changing(() => real.syncDirectory(path)),
  };
}
