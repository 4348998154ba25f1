import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

const TOOLS = join(homedir(), ".cache/dimmer-test-tools/bin/python");

/** The Python that has what `python-tools.txt` lists, where `.ci/run` has put it; the machine's otherwise. */
export const PYTHON: string = existsSync(TOOLS) ? TOOLS : "python3";

/** A program beside that Python, or the machine's. */
export function tool(name: string): string {
  const beside = join(dirname(PYTHON), name);
  return existsSync(beside) ? beside : name;
}

/** How a program ended, and all that it wrote. */
export interface Ended {
  readonly status: number | null;
  readonly output: string;
}

/** Runs a program to its end. Never throws: one that is not there ends with `null`. */
export function run(command: string, args: readonly string[], cwd?: string): Ended {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", cwd });
  return { status, output: `${stdout ?? ""}${stderr ?? ""}` };
}

/** Whether a program is on this machine; says on stderr what is not run where it is not. */
export function isThere(command: string, args: readonly string[], what: string): boolean {
  const is = run(command, args).status === 0;
  if (!is) process.stderr.write(`not run: ${what}\n`);
  return is;
}
