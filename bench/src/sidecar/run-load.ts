import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pinned } from "../child.ts";
import { mindChild } from "../children.ts";
import { cpuTimeMs } from "../cpu-time.ts";
import type { LoadOrder } from "./load.ts";

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

const LOAD_CORE = 1;
const script = fileURLToPath(new URL("load.ts", import.meta.url));

/**
 * Loads a server from a process of its own and measures what the processes behind it spent. Rejects where an answer had
 * another status than the one that counts: a server that fails fast must not win.
 *
 * @param pids of the server, and of whoever it asks
 */
export async function runLoad(pids: readonly number[], order: LoadOrder): Promise<LoadResult> {
  const [file = "", ...args] = pinned([process.execPath, script], LOAD_CORE);
  const child = spawn(file, args, { stdio: ["pipe", "pipe", "inherit"] });
  mindChild(child);
  child.stdin.end(JSON.stringify(order));
  const spentMs = (): number => pids.reduce((sum, pid) => sum + (cpuTimeMs(pid) ?? Number.NaN), 0);
  let cpuAtStartMs = Number.NaN;
  let cpuAtEndMs = Number.NaN;
  let result: Omit<LoadResult, "cpuUs"> | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === '{"measuring":true}') cpuAtStartMs = spentMs();
    else {
      cpuAtEndMs = spentMs();
      result = JSON.parse(line) as Omit<LoadResult, "cpuUs">;
    }
  }
  if (result === undefined) throw new Error("the load generator ended without a result");
  if (result.refused > 0) {
    throw new Error(`${result.refused} of ${result.answered} requests to ${order.requests[0]?.path} were refused`);
  }
  return { ...result, cpuUs: ((cpuAtEndMs - cpuAtStartMs) * 1_000) / result.answered };
}
