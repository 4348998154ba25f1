import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { ZodType } from "zod";

/** Where `dimmer dev` keeps what it makes, unless told otherwise: below the current directory. */
export const DEFAULT_DIR = ".dimmer";

/** What the running, or the last, `dimmer dev` left for its sister commands. */
export interface DevState {
  readonly pid: number;
  /** What `now` means in the tenants file, Unix milliseconds: when it was started. */
  readonly startedMs: number;
  /** Absolute path of the tenants file. */
  readonly tenants: string;
  /** Absolute path of the policy, or `standard`. */
  readonly policy: string;
  readonly trust: string;
  /** `unix:/….sock` */
  readonly sidecar: string;
  /** `http://127.0.0.1:7300` */
  readonly authority: string;
  /** Files with API keys: of who works, and of the second person who approves. */
  readonly keyFiles: { readonly developer: string; readonly approver: string };
}

/**
 * Reads what `dimmer dev` left in its directory; `undefined` where it never ran there, or what lies there is something
 * else. Never rejects.
 */
export async function readDevState(dir: string): Promise<DevState | undefined> {
  let text: string;
  try {
    text = readFileSync(pathIn(dir), "utf8");
  } catch {
    return undefined;
  }
  const { z } = await import("zod");
  const state: ZodType<DevState> = z.object({
    pid: z.int().positive(),
    startedMs: z.int().nonnegative(),
    tenants: z.string(),
    policy: z.string(),
    trust: z.string(),
    sidecar: z.string().startsWith("unix:"),
    authority: z.string().startsWith("http://127.0.0.1:"),
    keyFiles: z.object({ developer: z.string(), approver: z.string() }),
  });
  try {
    return state.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Leaves a state for the sister commands, and what a product follows by as `product.env`, for `node --env-file`: each whole
 * or not at all. @throws what the file system throws
 */
export function writeDevState(dir: string, state: DevState): void {
  replaceFile(pathIn(dir), `${JSON.stringify(state, null, 2)}\n`);
  replaceFile(join(dir, "product.env"), `DIMMER_FEED="${state.sidecar}"\nDIMMER_TRUST="${state.trust}"\n`);
}

function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Tells whether the `dimmer dev` of a state still runs. Another process may have its number by now. Never throws. */
export function isRunning(state: DevState): boolean {
  try {
    process.kill(state.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** That no `dimmer dev` runs in a directory, for people: which one was looked at, and where to start it. Never throws. */
export function nothingRunsIn(dir: string): string {
  return `no "dimmer dev" runs in ${resolve(dir)} (npm start in the root of the clone; --dir names another)`;
}

function pathIn(dir: string): string {
  return join(dir, "dev.json");
}
