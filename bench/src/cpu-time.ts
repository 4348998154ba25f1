import { readdirSync, readFileSync } from "node:fs";

/**
 * Time that a process has spent on processors so far, over all its threads, in milliseconds, from the kernel's own
 * accounting (`/proc/<pid>/task/<tid>/schedstat`). `undefined` where that is not kept.
 */
export function cpuTimeMs(pid: number): number | undefined {
  try {
    let ns = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    }
    return ns / 1e6;
  } catch {
    return undefined;
  }
}
