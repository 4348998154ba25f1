import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
/** Not through npx: it would take the words of the npx that runs this for its own. */
const COMPILER = `${ROOT}/node_modules/typescript/bin/tsc`;

/**
 * Builds the packages as they are published, and what of this suite runs on them, into their `dist`: some seconds, or
 * nearly nothing where they are built.
 *
 * @returns why it could not; `undefined` where it could. Never throws.
 */
export function buildPackages(): string | undefined {
  try {
    execFileSync(process.execPath, [COMPILER, "-b", "bench"], { cwd: ROOT, stdio: "pipe" });
    return undefined;
  } catch (error) {
    const { stdout } = error as { stdout?: Buffer };
    return `the packages could not be built (npx tsc -b bench): ${String(stdout).split("\n")[0]}`;
  }
}
