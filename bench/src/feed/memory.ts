import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Resident memory of a process, in megabytes. */
export interface Resident {
  readonly allMb: number;
  /** What is its own, and not the pages of the node binary, which all node processes of a machine share. */
  readonly ownMb: number;
}

/** Resident memory of a process now; `NaN` where the machine does not tell. */
export function residentOf(pid: number): Resident {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const mb = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1_024;
    return { allMb: mb("VmRSS"), ownMb: mb("RssAnon") };
  } catch {
    return { allMb: Number.NaN, ownMb: Number.NaN };
  }
}

/** Files and connections that one process may have open here; Infinity where there is no bound. */
export function openFilesLimit(): number {
  try {
    const limit = execFileSync("sh", ["-c", "ulimit -n"], { encoding: "utf8" }).trim();
    return limit === "unlimited" ? Number.POSITIVE_INFINITY : Number(limit);
  } catch {
    return Number.NaN;
  }
}
