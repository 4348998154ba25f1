import { type FSWatcher, readFileSync, statSync, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** How a file is watched. Tests may be quicker. */
export interface WatchOptions {
  /** Milliseconds after an event during which more of them count as the same one. Default 30. */
  readonly settleMs?: number;
  /** Milliseconds between two looks at the file without an event: some file systems send none. Default 1,000. */
  readonly pollMs?: number;
}

/** A file under watch. */
export interface FileWatch {
  close(): void;
}

/** More looks than this at a file that keeps changing, and it is taken as it is. */
const MAX_LOOKS = 50;

/**
 * Calls `onChange` with the content of a file each time it is another one, however an editor saves: in place, truncated
 * and written again, or as a new file renamed over it. A content is told once it has stood still for two looks, so half
 * a file is hardly ever seen. The content at the start is not told. Several changes in a row may be told as one.
 *
 * @param onChange `undefined` when the file is gone
 */
export function watchFile(
  path: string,
  onChange: (text: string | undefined) => void,
  { settleMs = 30, pollMs = 1_000 }: WatchOptions = {},
): FileWatch {
  let told = readNow(path);
  let print = printOf(path);
  let timer: NodeJS.Timeout | undefined;
  let watcher: FSWatcher | undefined;

  const look = (before: string | undefined, looks: number): void => {
    timer = undefined;
    const text = readNow(path);
    print = printOf(path);
    if (text !== before && looks < MAX_LOOKS) {
      timer = setTimeout(look, settleMs, text, looks + 1);
      return;
    }
    if (text === told) return;
    told = text;
    onChange(text);
  };
  const soon = (): void => {
    timer ??= setTimeout(() => {
      timer = setTimeout(look, settleMs, readNow(path), 0);
    }, settleMs);
  };

  // The directory and not the file: after a rename, a watch on the file would follow the old one.
  const start = (): void => {
    try {
      watcher = watch(dirname(path), { persistent: false }, (_event, name) => {
        if (name === null || name === basename(path)) soon();
      });
      watcher.on("error", () => watcher?.close());
    } catch {
      // No watches left on this machine: polling alone is slower, and works.
    }
  };
  start();
  const poll = setInterval(() => {
    if (printOf(path) !== print) soon();
  }, pollMs);
  poll.unref();
  return {
    close: () => {
      watcher?.close();
      clearInterval(poll);
      clearTimeout(timer);
    },
  };
}

function readNow(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** What changes with the file, for little: its number, size and time. */
function printOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.ino} ${stat.size} ${stat.mtimeMs}`;
}
