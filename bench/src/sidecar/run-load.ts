import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pinned } from "../child.ts";
import { cpuTimeMs } from "../cpu-time.ts";

/** What one run of load found. */
export interface LoadResult {
  readonly perSecond: number;
  readonly answered: number;
  readonly refused: number;
  readonly p50Us: number;
  readonly p90Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  /** Processor time of the server for one request, in microseconds. */
  readonly cpuUs: number;
}

/** One run of load. */
export interface Load {
  readonly socketPath: string;
  readonly path: string;
  readonly body: string;
  readonly connections: number;
  readonly durationMs: number;
  /** Requests a second in an open loop; left out, the loop is closed. */
  readonly rate?: number;
}

const script = fileURLToPath(new URL("load.ts", import.meta.url));

/**
 * Loads a server from a process of its own and measures what the server spent on it. Rejects where an answer was not
 * 200: a server that fails fast must not win.
 */
export async function runLoad(serverPid: number, load: Load): Promise<LoadResult> {
  const rate = load.rate === undefined ? [] : [String(load.rate)];
  const settings = [load.socketPath, load.path, load.body, String(load.connections), String(load.durationMs), ...rate];
  const [file = "", ...args] = pinned([process.execPath, script, ...settings], 1);
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] });
  let cpuAtStartMs = Number.NaN;
  let cpuAtEndMs = Number.NaN;
  let result: Omit<LoadResult, "cpuUs"> | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === '{"measuring":true}') cpuAtStartMs = cpuTimeMs(serverPid) ?? Number.NaN;
    else {
      cpuAtEndMs = cpuTimeMs(serverPid) ?? Number.NaN;
      result = JSON.parse(line) as Omit<LoadResult, "cpuUs">;
    }
  }
  if (result === undefined) throw new Error("the load generator ended without a result");
  if (result.refused > 0)
    throw new Error(`${result.refused} of ${result.answered} requests to ${load.path} were refused`);
  return { ...result, cpuUs: ((cpuAtEndMs - cpuAtStartMs) * 1_000) / result.answered };
}
