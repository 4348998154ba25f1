import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Stage } from "./scenario.ts";

/** The `dimmer` command as it is in this checkout. */
const LAUNCHER = fileURLToPath(new URL("../../apps/cli/bin/dimmer.js", import.meta.url));
const READY_MS = 60_000;

/** A process of ours. It is gone when its scenario is over, and when the run ends in whatever way. */
export interface Running {
  readonly pid: number;
  /** What it printed first, as JSON. */
  readonly said: Readonly<Record<string, unknown>>;
  /** Whether it is still there. */
  isAlive(): boolean;
  /** Sends a signal to this process alone. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it, by SIGKILL unless said, and waits until it is gone. */
  end(signal?: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** What it wrote on standard error last, for people. */
  errors(): string;
}

/** How to start a process. */
export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Put before the command, as `prlimit --fsize=…`. */
  readonly prefix?: readonly string[];
  /** Told of the process before it has said anything: to kill it at its start. */
  readonly onSpawn?: (child: ChildProcess) => void;
}

/** Every process that has not ended: what is left of a run that breaks off is killed by its pid. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/**
 * Starts a process for a scenario, and has it killed at its end.
 *
 * @returns the child, whose end is awaited when the scenario is over
 */
export function spawnOnStage(
  stage: Stage,
  command: readonly string[],
  options: Parameters<typeof spawn>[2],
): ChildProcess {
  const [file = "", ...args] = command;
  const child = spawn(file, args, options);
  alive.add(child);
  const ended = new Promise<void>((done) => {
    child.once("exit", () => done());
    child.once("error", () => done());
  }).then(() => alive.delete(child));
  stage.atEnd(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
  });
  return child;
}

/**
 * Starts `dimmer COMMAND … --json` from source and waits for its first line.
 *
 * @throws {Error} where it ends before, with what it wrote on standard error
 */
export async function startDimmer(stage: Stage, args: readonly string[], options: StartOptions = {}): Promise<Running> {
  const { env = {}, prefix = [], onSpawn } = options;
  const command = [...prefix, process.execPath, "--conditions=@dimmer/source", LAUNCHER, ...args, "--json"];
  const child = spawnOnStage(stage, command, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let errors = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    errors = (errors + bytes.toString()).slice(-20_000);
  });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  onSpawn?.(child);
  const said = await firstLine(child, () => `dimmer ${args[0] ?? ""} ended: ${errors.slice(-2_000)}`);
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null;
  return {
    pid: child.pid ?? 0,
    said,
    isAlive,
    signal: (signal) => void child.kill(signal),
    end: async (signal = "SIGKILL") => {
      if (isAlive()) child.kill(signal);
      await ended;
    },
    errors: () => errors,
  };
}

function firstLine(child: ChildProcess, why: () => string): Promise<Record<string, unknown>> {
  return new Promise((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`said nothing for ${READY_MS} ms; ${why()}`)), READY_MS);
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      outcome();
    };
    child.once("close", () => settle(() => fail(new Error(why()))));
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) settle(() => done(JSON.parse(line) as Record<string, unknown>));
    });
  });
}
