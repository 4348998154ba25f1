import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { pinned } from "../child.ts";
import { mindChild } from "../children.ts";

/** How a server is asked whether a tenant may do something. */
export interface PeerDoor {
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  body(tenant: string, capability: string): string;
  /** Whether an answer allows. */
  isAllowed(answer: unknown): boolean;
}

/** A server of another product that is running. */
export interface RunningPeer {
  readonly pid: number;
  readonly port: number;
  readonly door: PeerDoor;
  stop(): Promise<void>;
}

/** The server of another product that answers the same question over HTTP. */
export interface HttpPeer {
  readonly name: string;
  readonly title: string;
  /** What it is told at its start, and why, for people. */
  readonly config: string;
  /** What it says of itself, and where. */
  readonly published: string;
  /** Its version where it is installed; else why it is not run. */
  version(): { readonly version: string } | { readonly notRun: string };
  /**
   * Starts it on one core with these tenants, of which one in ten is limited.
   *
   * @throws {Error} where it does not answer within 30 s
   */
  start(folder: string, tenants: readonly string[]): Promise<RunningPeer>;
}

const READY_MS = 30_000;
const SERVER_CORE = 0;
const FOLDER = new URL("../../peers/", import.meta.url);

/** A file in `bench/peers`. */
export function peerFile(path: string): string {
  return fileURLToPath(new URL(path, FOLDER));
}

/** The version that a program prints of itself, or why it is not run. Never throws. */
export function programVersion(
  path: string,
  args: readonly string[],
  pattern: RegExp,
): ReturnType<HttpPeer["version"]> {
  if (!existsSync(path)) return { notRun: "not installed: bench/peers/install.sh" };
  try {
    const found = pattern.exec(execFileSync(path, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }))?.[1];
    return found === undefined ? { notRun: "it does not tell its version" } : { version: found };
  } catch (error) {
    return { notRun: `it does not run here: ${(error as Error).message.split("\n")[0]}` };
  }
}

/** The version that `install.sh` noted of what it built, or why it is not run. Never throws. */
export function builtVersion(name: string): ReturnType<HttpPeer["version"]> {
  const note = peerFile(`bin/${name}.version`);
  if (!existsSync(note) || !existsSync(peerFile(`bin/${name}`)))
    return { notRun: "not installed: bench/peers/install.sh" };
  return { version: readFileSync(note, "utf8").trim() };
}

/** The mode of a tenant in these measurements. */
export function modeOf(tenant: string): "full" | "limited" {
  return tenant.endsWith("0") ? "limited" : "full";
}

/** A port of 127.0.0.1 that nobody listens on now: these servers take none of their own choice. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => void server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** A Go server on one core: `GOMAXPROCS` at one, as Go's documentation asks where a process has one core. */
export function startGoServer(command: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  const [file = "", ...args] = pinned(command, SERVER_CORE);
  const child = spawn(file, args, { stdio: "ignore", env: { ...process.env, GOMAXPROCS: "1", ...env } });
  mindChild(child);
  return child;
}

/** Asks a server, and gives back the JSON of its answer. Rejects where that is no 2xx. */
export async function askPeer(port: number, path: string, body: string): Promise<unknown> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text) as unknown;
}

/** Waits until a server answers, and ends it where it does not within 30 s. */
export async function whenAnswering(name: string, child: ChildProcess, ask: () => Promise<unknown>): Promise<void> {
  const untilMs = performance.now() + READY_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (cause) {
      if (child.exitCode === null && performance.now() < untilMs) await pause(50);
      else {
        await endPeer(child);
        throw new Error(`${name} does not answer (exit ${child.exitCode})`, { cause });
      }
    }
  }
}

/** Ends a server and waits until it has. */
export async function endPeer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await ended;
  clearTimeout(timer);
}
