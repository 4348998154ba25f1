import type { ChildProcess } from "node:child_process";

const living = new Set<ChildProcess>();
let isOver = false;
process.once("exit", () => {
  for (const child of living) child.kill("SIGKILL");
});

/** Remembers a process until it has ended, so that none outlives the run; after `endForGood` it is ended at once. */
export function mindChild(child: ChildProcess): void {
  living.add(child);
  child.once("exit", () => living.delete(child));
  if (isOver) child.kill("SIGKILL");
}

/**
 * Ends every process that still lives: by SIGTERM, so that it ends its own, and by SIGKILL where it has not within
 * `withinMs`. Never rejects.
 */
export async function endChildren(withinMs: number): Promise<void> {
  await Promise.all(
    [...living].map(async (child) => {
      const ended = new Promise((done) => child.once("exit", done));
      if (!child.kill("SIGTERM")) return;
      const timer = setTimeout(() => child.kill("SIGKILL"), withinMs);
      await ended;
      clearTimeout(timer);
    }),
  );
}

/** Likewise, and lets none begin any more. Never rejects. */
export async function endForGood(withinMs: number): Promise<void> {
  isOver = true;
  await endChildren(withinMs);
}
