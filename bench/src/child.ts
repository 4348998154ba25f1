import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { mindChild } from "./children.ts";
import { profileFlags } from "./profile/profile-folder.ts";

/** A process of the suite: it prints one JSON line when ready, and ends when asked. */
export interface BenchChild {
  readonly pid: number;
  /** The first JSON line that it printed. */
  readonly ready: Record<string, unknown>;
  stop(): Promise<void>;
}

export interface SpawnOptions {
  /** Processor to run on, where `taskset` is there. */
  readonly core?: number;
  readonly env?: Record<string, string>;
  /** How long the first line may take, in milliseconds. */
  readonly readyMs?: number;
  /** How long a process may run that is run to its end, in milliseconds. */
  readonly withinMs?: number;
}

/** The command with the processor pinned, where this machine can do that, and profiled, where that was asked for. */
export function pinned(command: readonly string[], core: number | undefined): string[] {
  const [file = "", ...args] = command;
  const run = file === process.execPath ? [file, ...profileFlags(args), ...args] : [...command];
  return core === undefined || process.platform !== "linux" ? run : ["taskset", "-c", String(core), ...run];
}

/** Starts a process and waits for its first JSON line. Rejects where it ends or stays silent before that. */
export async function startChild(command: readonly string[], options: SpawnOptions = {}): Promise<BenchChild> {
  const [file = "", ...args] = pinned(command, options.core);
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.env } });
  mindChild(child);
  const errors: string[] = [];
  child.stderr.on("data", (bytes: Buffer) => errors.push(bytes.toString()));
  const ready = await firstLine(child, errors, options.readyMs ?? 60_000, command.join(" "));
  return { pid: child.pid ?? 0, ready, stop: () => stop(child) };
}

/** Runs a process to its end and gives back the JSON of its last line. */
export async function runChild<T>(command: readonly string[], options: SpawnOptions = {}): Promise<T> {
  const lines = await runChildLines<T>(command, options);
  return lines.at(-1) as T;
}

/** Runs a process to its end and gives back the JSON of each of its lines. */
export async function runChildLines<T>(command: readonly string[], options: SpawnOptions = {}): Promise<T[]> {
  const [file = "", ...args] = pinned(command, options.core);
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...options.env } });
  mindChild(child);
  let output = "";
  let errors = "";
  child.stderr.pipe(process.stderr, { end: false });
  child.stderr.on("data", (bytes: Buffer) => {
    errors = (errors + bytes.toString()).slice(-20_000);
  });
  child.stdout.on("data", (bytes: Buffer) => {
    output += bytes.toString();
  });
  const { withinMs } = options;
  const timer = withinMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), withinMs);
  const code = await new Promise<number | null>((done) => child.once("close", done));
  clearTimeout(timer);
  if (withinMs !== undefined && child.signalCode === "SIGKILL") {
    throw new Error(`not done within ${(withinMs / 1_000).toFixed(0)} s, or out of memory`);
  }
  if (code !== 0) {
    const why = /^(?:Uncaught )?\w*Error(?: \[\w+\])?: (.*)$/m.exec(errors)?.[1];
    throw new Error(`${command.join(" ")} ended with ${code}${why === undefined ? "" : `: ${why}`}`);
  }
  return output.split("\n").flatMap((line) => (line.trim() === "" ? [] : [JSON.parse(line) as T]));
}

function firstLine(
  child: ChildProcess,
  errors: readonly string[],
  readyMs: number,
  name: string,
): Promise<Record<string, unknown>> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => finish(new Error(`${name} printed nothing for ${readyMs} ms`)), readyMs);
    const finish = (outcome: Error | Record<string, unknown>): void => {
      clearTimeout(timer);
      if (outcome instanceof Error) {
        child.kill("SIGKILL");
        fail(outcome);
      } else done(outcome);
    };
    child.once("exit", (code) => finish(new Error(`${name} ended with ${code}: ${errors.join("").slice(-2_000)}`)));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) finish(JSON.parse(line) as Record<string, unknown>);
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}
