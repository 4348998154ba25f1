import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";

/** Where and on what a result was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly platform: string;
  readonly runtime: string;
  readonly commit: string;
}

/** Describes this machine, this runtime and this commit (`+` behind it: with changes not committed). */
export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    runtime: `Node ${process.version}`,
    commit: commit(),
  };
}

function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8", stdio: "pipe" }).trim();
    return (
      git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "packages", "apps") === "" ? "" : "+")
    );
  } catch {
    return "unknown";
  }
}
