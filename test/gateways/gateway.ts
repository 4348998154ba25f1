import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { tool } from "../deploy/programs.ts";
import { startLogin } from "./login.ts";

const EXAMPLES = resolve(import.meta.dirname, "../../examples/gateways");

/** A server that is on the machine, with the configuration that is shipped for it. */
export interface Kind {
  readonly name: "nginx" | "caddy" | "haproxy" | "envoy" | "traefik";
  readonly command: readonly string[];
  /** Asks for the version: whether it is on this machine. */
  readonly probe: readonly string[];
  /** Its status where the sidecar is gone, as its example documents. */
  readonly whenDown: number;
  /** Its status where the sidecar hangs, and after how long at the latest, of a machine that does much else, in milliseconds. */
  readonly whenHung: { readonly status: number; readonly withinMs: number };
  /** Turns what the configuration says of that into what its own comment says for the other way, where there is one. */
  readonly failOpen?: (text: string) => string;
  /** Its statuses where it cannot carry to the product what it let through. */
  readonly whenBroken: readonly number[];
  /** Whether it takes HTTP/2 without TLS, as shipped. */
  readonly speaksHttp2: boolean;
}

/** Servers whose shipped configuration is run as it is, but for its ports. */
export const KINDS: readonly Kind[] = [
  {
    name: "nginx",
    whenDown: 503,
    whenHung: { status: 503, withinMs: 10_000 },
    whenBroken: [502],
    command: ["nginx", "-p", ".", "-c", "nginx.conf", "-g", "daemon off;"],
    probe: ["nginx", "-v"],
    speaksHttp2: false,
    failOpen: (text) => {
      const passed = /( {6}proxy_pass http:\/\/product;.*?)\n {4}\}/s.exec(text)?.[1] ?? "";
      return text.replace(/ {6}default_type [^\n]*\n {6}add_header [^\n]*\n {6}return 503 [^\n]*/, () => passed);
    },
  },
  {
    name: "caddy",
    whenDown: 502,
    whenHung: { status: 504, withinMs: 10_000 },
    whenBroken: [502],
    command: ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
    probe: ["caddy", "version"],
    speaksHttp2: false,
    failOpen: (text) => {
      const written = /write here:\n((?:\t#.*\n)+)/.exec(text)?.[1] ?? "";
      return text.replace(/\}\s*$/, () => `${written.replaceAll("#", "")}}\n`);
    },
  },
  {
    name: "haproxy",
    whenDown: 503,
    whenHung: { status: 503, withinMs: 10_000 },
    whenBroken: [502],
    command: ["haproxy", "-f", "haproxy.cfg"],
    probe: ["haproxy", "-v"],
    speaksHttp2: true,
    failOpen: (text) => text.replace("DIMMER_WHEN_DOWN closed", "DIMMER_WHEN_DOWN open"),
  },
  {
    name: "envoy",
    whenDown: 503,
    whenHung: { status: 503, withinMs: 10_000 },
    whenBroken: [503],
    command: [tool("envoy"), "-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "2", "--log-level", "warn"],
    probe: [tool("envoy"), "--version"],
    speaksHttp2: true,
    failOpen: (text) => text.replace("failure_mode_allow: false", "failure_mode_allow: true"),
  },
  {
    name: "traefik",
    whenDown: 500,
    whenHung: { status: 500, withinMs: 40_000 },
    whenBroken: [500, 502],
    command: [tool("traefik"), "--configFile=traefik.yaml"],
    probe: [tool("traefik"), "version"],
    speaksHttp2: false,
  },
];

/** Whether a server is on this machine. */
export function isInstalled({ probe: [command = "", ...args] }: Kind): boolean {
  return spawnSync(command, args).status === 0;
}

/** The sidecar of a test shares its process and its machine with much else: a late answer is none that failed. */
const TIMEOUTS =
  /(proxy_connect_timeout|proxy_read_timeout|timeout:|connect_timeout:|timeout connect|dial_timeout|header_timeout) (?:200ms|0\.2s|1s)/g;

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

/** What a gateway stands between. */
export interface Sides {
  readonly product: number;
  readonly sidecar: { readonly port: number; readonly socketPath: string };
}

/** How a gateway is started. */
export interface GatewayOptions {
  /** Whether it lets requests through when the sidecar is down, as its example says how. */
  readonly failsOpen?: boolean;
  /** `false`: it waits for the sidecar as long as is shipped, and no longer. */
  readonly isPatient?: boolean;
}

/**
 * Starts a gateway in front of a product and beside a sidecar; it ends with the test. Returns its port. Its configuration is the one
 * that is shipped, but for ports and, where it is patient, for how long it waits for the sidecar.
 */
export async function startGateway(
  kind: Kind,
  { product, sidecar }: Sides,
  { failsOpen = false, isPatient = true }: GatewayOptions = {},
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), `dimmer-${kind.name}-`));
  mkdirSync(join(folder, "tmp"));
  cpSync(join(EXAMPLES, kind.name), folder, { recursive: true });
  const port = await freePort();
  const login = await startLogin();
  for (const file of readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())) {
    const path = join(folder, file.name);
    const text = readFileSync(path, "utf8");
    const chosen = failsOpen && kind.failOpen !== undefined ? kind.failOpen(text) : text;
    writeFileSync(
      path,
      chosen
        .replaceAll(/(127\.0\.0\.1:|127\.0\.0\.1, port_value: |^:)8080/gm, `$1${port}`)
        .replaceAll(/127\.0\.0\.1(:|, port_value: )9000/g, `127.0.0.1$1${product}`)
        .replaceAll("127.0.0.1:9001", `127.0.0.1:${login}`)
        .replaceAll("127.0.0.1:7301", `127.0.0.1:${sidecar.port}`)
        .replaceAll("/run/dimmer/sidecar.sock", sidecar.socketPath)
        // Traefik waits 2 s for more routes before it has any.
        .replace(/^providers:\n/m, "$&  providersThrottleDuration: 50ms\n")
        .replaceAll(isPatient ? TIMEOUTS : /$^/g, "$1 20s")
        .replace(isPatient ? "TIMEOUT_MS = 1000" : /$^/, "TIMEOUT_MS = 20000"),
    );
  }
  const [command = "", ...args] = kind.command;
  const child = spawn(command, args, {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, HOME: folder },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (piece: Buffer) => (output += piece.toString()));
  onTestFinished(async () => {
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
  });
  await untilListening(port, child, () => output);
  return port;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await exited;
  clearTimeout(hard);
}

async function untilListening(port: number, child: ChildProcess, output: () => string): Promise<void> {
  const untilMs = performance.now() + 15_000;
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > untilMs)
      throw new Error(`the gateway does not listen: ${output()}`);
  }
}

/** Whether it serves: one that has not read its routes yet says 404 of everything. */
function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const asked = get({ host: "127.0.0.1", port, agent: false }, (res) => {
      res.resume();
      if (res.statusCode === 404) setTimeout(() => done(false), 20);
      else done(true);
    });
    asked.once("error", () => setTimeout(() => done(false), 20));
  });
}
