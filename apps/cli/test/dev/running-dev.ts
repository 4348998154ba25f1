import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import { collected, EXAMPLES, startDimmer } from "../run-dimmer.ts";

/** A `dimmer dev` that runs. */
export interface RunningDev {
  readonly child: ChildProcess;
  readonly dir: string;
  readonly tenants: string;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** By name: `authority`, `sidecar`, `notes`, `python`; what it prints about where they run. */
  readonly urls: ReadonlyMap<string, string>;
  readonly startedInMs: number;
  /** Ends it, unless it has ended, and removes what it made. */
  end(): Promise<void>;
}

/** A directory of its own, with the example tenants in it. */
export function devDirectory(): { dir: string; tenants: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), "dimmer-dev-"));
  const tenants = join(dir, "tenants.yaml");
  copyFileSync(EXAMPLES, tenants);
  return { dir, tenants, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Arguments that let a `dimmer dev` run beside any other. */
export function devArguments(dir: string, tenants: string): string[] {
  const anyPort = ["--authority-port", "0", "--port", "0", "--notes-port", "0", "--python-port", "0"];
  return ["dev", "--dir", join(dir, ".dimmer"), "--tenants", tenants, ...anyPort];
}

/** Starts it on free ports and waits until it says that it runs. */
export async function startDev(
  options: { dir?: string; env?: Readonly<Record<string, string>>; more?: readonly string[] } = {},
): Promise<RunningDev> {
  const made = devDirectory();
  const { dir, tenants } =
    options.dir === undefined ? made : { dir: options.dir, tenants: join(options.dir, "tenants.yaml") };
  if (options.dir !== undefined) made.remove();
  const startedMs = performance.now();
  const child = startDimmer([...devArguments(dir, tenants), ...(options.more ?? [])], {
    env: options.env ?? {},
    // Where its sister commands look for it.
    cwd: dir,
  });
  const [stdout, stderr] = [collected(child, "stdout"), collected(child, "stderr")];
  await vi.waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${stderr()}`);
      if (!stdout().includes("and who enforces it:")) throw new Error(`does not run yet: ${stdout()}${stderr()}`);
    },
    { timeout: 30_000, interval: 20 },
  );
  const startedInMs = performance.now() - startedMs;
  const urls = new Map(
    [...stdout().matchAll(/^ {2}(\w+) +(http:\S+)/gm)].map(([, name, url]) => [name as string, url as string]),
  );
  const end = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGINT");
      await once(child, "close");
    }
    rmSync(dir, { recursive: true, force: true });
  };
  return { child, dir, tenants, stdout, stderr, urls, startedInMs, end };
}

/** The status of a request that creates a note. */
export async function createNote(url: string, tenant: string): Promise<number> {
  const response = await fetch(`${url}/notes`, {
    method: "POST",
    headers: { authorization: `Bearer ${tenant}:member` },
    body: '{"text":"hello"}',
  });
  await response.body?.cancel();
  return response.status;
}

/** Milliseconds until creating a note gives this status on each of the products; at most three seconds. */
export async function timeUntil(status: number, tenant: string, products: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  await Promise.all(
    products.map((url) =>
      vi.waitFor(
        async () => {
          const got = await createNote(url, tenant);
          if (got !== status) throw new Error(`${url} answers ${got}, not ${status}`);
        },
        { timeout: 3_000, interval: 10 },
      ),
    ),
  );
  return performance.now() - startedMs;
}
