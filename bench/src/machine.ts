import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Where and on what a result was measured. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly platform: string;
  readonly runtime: string;
  readonly commit: string;
}

/** Describes this machine, this runtime and this commit (`+` behind it: with changes not committed to what is measured). */
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

/** What changes a figure where it is changed; what a run itself writes is not part of it. */
const MEASURED = [
  "packages",
  "apps",
  "bench",
  "test",
  "package.json",
  "package-lock.json",
  ":!bench/results",
  ":!bench/README.md",
];

function commit(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync("git", args, { encoding: "utf8", stdio: "pipe", cwd: ROOT }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", ...MEASURED) === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}
