import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type BenchChild, pinned } from "../child.ts";
import type { Server } from "../sidecar/servers.ts";

const FOLDER = new URL("../../peers/", import.meta.url);
const program = fileURLToPath(new URL("bin/opa", FOLDER));
const policy = fileURLToPath(new URL("policy.rego", FOLDER));
const READY_MS = 30_000;
const MODES = { full: { create: true, view: true }, limited: { view: true } };

/** Where OPA answers. */
export const OPA_PATH = "/v1/data/dimmer/allow";

/** The version that is installed, or `undefined`. Never throws. */
export function opaVersion(): string | undefined {
  if (!existsSync(program)) return undefined;
  try {
    return /^Version: (\S+)/m.exec(execFileSync(program, ["version"], { encoding: "utf8" }))?.[1];
  } catch {
    return undefined;
  }
}

/**
 * OPA's own server on a Unix socket, on one core: `GOMAXPROCS` at one, as Go's documentation asks where a process has one
 * core, no access log, tenants and modes as data in memory.
 *
 * @throws {Error} where it is not listening within 30 s
 */
export async function startOpa(folder: string, core: number, tenants: readonly string[]): Promise<Server> {
  const data = join(folder, "data.json");
  const modes = tenants.map((tenant) => [tenant, tenant.endsWith("0") ? "limited" : "full"]);
  writeFileSync(data, JSON.stringify({ tenants: Object.fromEntries(modes), modes: MODES }));
  const socketPath = join(folder, "opa.sock");
  const options = ["--server", "--addr", `unix://${socketPath}`, "--log-level", "error", "--disable-telemetry"];
  const [file = "", ...args] = pinned([program, "run", ...options, policy, data], core);
  const process_ = spawn(file, args, { stdio: "ignore", env: { ...process.env, GOMAXPROCS: "1" } });
  const child: BenchChild = { pid: process_.pid ?? 0, ready: {}, stop: () => end(process_) };
  const untilMs = performance.now() + READY_MS;
  while (!(await isHealthy(socketPath))) {
    if (process_.exitCode !== null || performance.now() > untilMs) {
      await child.stop();
      throw new Error(`OPA is not listening (exit ${process_.exitCode})`);
    }
    await pause(50);
  }
  return { name: "opa", title: "OPA", socketPath, child };
}

/** Asks a server over its socket, and gives back the JSON of its answer. Rejects where that is not 200. */
export function askServer(socketPath: string, path: string, body: string): Promise<unknown> {
  return new Promise((done, fail) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request({ socketPath, path, method: "POST", headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on("data", (piece: Buffer) => pieces.push(piece));
      response.on("end", () => {
        const text = Buffer.concat(pieces).toString();
        if (response.statusCode === 200) done(JSON.parse(text));
        else fail(new Error(`${path}: ${response.statusCode} ${text}`));
      });
    });
    sent.on("error", fail);
    sent.end(body);
  });
}

async function isHealthy(socketPath: string): Promise<boolean> {
  return await askServer(socketPath, OPA_PATH, "{}").then(
    () => true,
    () => false,
  );
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  await ended;
}
