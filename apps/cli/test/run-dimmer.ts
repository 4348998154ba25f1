import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, onTestFinished, vi } from "vitest";

// Real processes on a machine that may be busy: what hangs is still found, what is slow is not a fault.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** The launcher, as a user calls it. */
export const LAUNCHER: string = fileURLToPath(new URL("../bin/dimmer.js", import.meta.url));
/** The example tenants. */
export const EXAMPLES: string = fileURLToPath(new URL("../../../examples/tenants.yaml", import.meta.url));

/** What a run of the command left. */
export interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly tookMs: number;
}

/** How it is run. */
export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Given to Node before the launcher. */
  readonly nodeArgs?: readonly string[];
  /** Another path of the launcher. */
  readonly launcher?: string;
}

/** Starts the command through its launcher, as a process of its own. */
export function startDimmer(
  args: readonly string[],
  { cwd, env, nodeArgs = [], launcher = LAUNCHER }: RunOptions = {},
): ChildProcess {
  const { NODE_OPTIONS: _options, DIMMER_PASSPHRASE: _passphrase, ...inherited } = process.env;
  return spawn(process.execPath, [...nodeArgs, launcher, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...inherited, ...env },
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** Runs the command to its end. */
export async function dimmer(args: readonly string[], options: RunOptions = {}): Promise<Run> {
  const startedMs = performance.now();
  const child = startDimmer(args, options);
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.input ?? "");
  const [stdout, stderr] = [collected(child, "stdout"), collected(child, "stderr")];
  const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { status, stdout: stdout(), stderr: stderr(), tookMs: performance.now() - startedMs };
}

/** Gathers what a process writes; call the result for what came so far. */
export function collected(child: ChildProcess, name: "stdout" | "stderr"): () => string {
  let text = "";
  child[name]?.setEncoding("utf8");
  child[name]?.on("data", (part: string) => {
    text += part;
  });
  return () => text;
}

/** The one JSON object that a run with `--json` printed. */
export function jsonOf({ stdout }: Run): Record<string, unknown> {
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** A new directory that is gone when the test is over. */
export function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "dimmer-cli-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** A new directory for all tests of a `describe`, gone after the last of them. */
export function sharedScratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "dimmer-cli-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Resolves with the first line that a process writes to stdout; rejects with its errors where it ends before. */
export async function firstLine(child: ChildProcess): Promise<string> {
  const [stdout, stderr] = [collected(child, "stdout"), collected(child, "stderr")];
  return await new Promise((resolve, reject) => {
    child.stdout?.on("data", () => {
      const end = stdout().indexOf("\n");
      if (end !== -1) resolve(stdout().slice(0, end));
    });
    child.once("close", (code) => reject(new Error(`ended with ${code}: ${stderr()}`)));
  });
}

/** Whether a process is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
