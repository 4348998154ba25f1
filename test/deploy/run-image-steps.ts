/**
 * Promise: the Dockerfile builds images that work, though no container engine is needed to see it. Its steps are
 * executed one by one in empty directories: the build stage on the files of the checkout, the runtime stage into a root
 * that holds nothing but Node, the libraries of Node, /proc and what the Dockerfile copies. In that root, as the user that the
 * Dockerfile names, the sidecar and the authority are started by their own ENTRYPOINT and CMD, are asked, checked by
 * their own HEALTHCHECK, and stopped. Needs the package registry (or npm's cache); root for the runtime stage, which is
 * printed as not run without. Run by `npm run test:image`.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { type Instruction, instructionsOf, pairsOf, readDockerfile } from "./dockerfile.ts";

const CHECKOUT = resolve(import.meta.dirname, "../..");
const stages = readDockerfile(readFileSync(join(CHECKOUT, "deploy/Dockerfile"), "utf8"));
const work = mkdtempSync(join(tmpdir(), "dimmer-image-"));
const build = join(work, "build");
const root = join(work, "root");
const children: ChildProcess[] = [];

const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** The tracked files: what a clone would hand to the build. */
function copyCheckout(to: string): void {
  const files = execFileSync("git", ["ls-files", "-z"], { cwd: CHECKOUT, encoding: "utf8" }).split("\0");
  for (const file of files) {
    const from = join(CHECKOUT, file);
    if (file === "" || !existsSync(from)) continue;
    cpSync(from, join(to, file), { verbatimSymlinks: true });
  }
}

function runStep(command: string, cwd: string): void {
  const startedMs = performance.now();
  const path = [dirname(process.execPath), ...(process.env["PATH"] ?? "").split(delimiter)]
    .filter((part) => !part.startsWith(join(CHECKOUT, "node_modules/.bin")))
    .join(delimiter);
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$|^INIT_CWD$/.test(name));
  const env = { ...Object.fromEntries(inherited), PATH: path };
  const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", command], { cwd, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`RUN ${command}\nended with ${status}:\n${stdout}${stderr}`);
  say(`RUN ${command}  (${((performance.now() - startedMs) / 1_000).toFixed(1)} s)`);
}

function runBuildStage(): void {
  const app = join(build, "app");
  mkdirSync(app, { recursive: true });
  for (const { keyword, text } of instructionsOf(stages, "build")) {
    if (keyword === "COPY" && text === ". .") copyCheckout(app);
    else if (keyword === "RUN") runStep(text, app);
    else if (keyword !== "WORKDIR" || text !== "/app") throw new Error(`not understood: ${keyword} ${text}`);
  }
}

/** Node and what its loader asks for, at the paths that the loader expects. */
function putNode(): void {
  const node = join(root, "usr/local/bin/node");
  cpSync(realpathSync(process.execPath), node);
  const listed = execFileSync("ldd", [process.execPath], { encoding: "utf8" });
  for (const [library] of listed.matchAll(/\/\S+/g)) cpSync(realpathSync(library), join(root, library));
}

function runRuntimeStage(): void {
  mkdirSync(join(root, "proc"), { recursive: true });
  putNode();
  for (const { keyword, flags, text } of instructionsOf(stages, "runtime")) {
    if (keyword === "COPY") {
      const [from = "", to = ""] = text.split(/\s+/);
      if (flags["from"] !== "build") throw new Error(`COPY from elsewhere: ${text}`);
      cpSync(join(build, from), join(root, "app", to), { recursive: true, verbatimSymlinks: true });
    }
    // There is no shell in the root: the paths of the step are moved into it instead.
    if (keyword === "RUN") runStep(text.replaceAll(/(?<=\s)\/(?=\w)/g, `${root}/`), root);
  }
  const open = execFileSync("find", [root, "-perm", "-o+w", "!", "-type", "l"], { encoding: "utf8" });
  if (open !== "") throw new Error(`anybody may write to\n${open}`);
}

/** A start of a target: its user, environment, ENTRYPOINT and CMD, unless other words take the place of CMD. */
function start(target: string, args?: readonly string[], given: Readonly<Record<string, string>> = {}): ChildProcess {
  const all = instructionsOf(stages, target);
  const last = (keyword: string): Instruction | undefined => all.findLast((one) => one.keyword === keyword);
  const words = [...(last("ENTRYPOINT")?.words ?? []), ...(args ?? last("CMD")?.words ?? [])];
  return inRoot(last("USER")?.text ?? "0:0", words, { ...pairsOf(all, "ENV"), ...given });
}

/** In a mount namespace of its own, so that `/proc` is there as in every container, and is gone with the process. */
function inRoot(user: string, words: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  const script =
    'root=$1 user=$2; shift 2; mount --bind /proc "$root/proc" && exec chroot --userspec="$user" "$root" "$@"';
  const args = ["--mount", "/bin/sh", "-c", script, "sh", root, user, "/usr/local/bin/node", ...words.slice(1)];
  const child = spawn("unshare", args, {
    env: { PATH: "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

/** Runs to the end. @throws {Error} where it ends with another code than 0 */
async function toEnd(child: ChildProcess): Promise<string> {
  const text = gathered(child);
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`ended with ${code}: ${text()}`);
  return text();
}

function gathered(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (part: Buffer) => (text += part.toString()));
  return () => text;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Waits for an answer of 200. @throws {Error} where the process ends first, or nothing came in 60 s */
async function untilOk(url: string, child: ChildProcess, text: () => string): Promise<void> {
  const untilMs = performance.now() + 60_000;
  for (;;) {
    const isOk = await fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
    if (isOk) return;
    if (child.exitCode !== null || performance.now() > untilMs) throw new Error(`${url} does not answer: ${text()}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** The HEALTHCHECK of a target, in its root: passes while it runs, fails when nobody listens. */
async function checkHealth(target: string, port: number): Promise<void> {
  const all = instructionsOf(stages, target);
  const words = all.findLast(({ keyword }) => keyword === "HEALTHCHECK")?.words ?? [];
  const user = all.findLast(({ keyword }) => keyword === "USER")?.text ?? "";
  await toEnd(inRoot(user, words, { DIMMER_PORT: String(port) }));
  const [code] = (await once(inRoot(user, words, { DIMMER_PORT: String(await freePort()) }), "close")) as [number];
  if (code !== 1) throw new Error(`HEALTHCHECK of ${target} says ${code} where nobody listens`);
}

async function stop(child: ChildProcess, text: () => string): Promise<void> {
  const closed = once(child, "close");
  child.kill("SIGTERM");
  const [code] = (await closed) as [number | null];
  if (code !== 0) throw new Error(`SIGTERM: ended with ${code}: ${text()}`);
}

async function trySidecar(): Promise<void> {
  const data = join(root, "var/lib/dimmer");
  cpSync(join(CHECKOUT, "examples/tenants.yaml"), join(data, "tenants.yaml"));
  const feed = ["--out", "/var/lib/dimmer/feed", "--keys", "/var/lib/dimmer/keys"];
  const built = await toEnd(start("sidecar", ["feed", "build", "--tenants", "/var/lib/dimmer/tenants.yaml", ...feed]));
  const trust = /SHA256:[\w-]{43}/.exec(built)?.[0] ?? "";
  const port = await freePort();
  const env = { DIMMER_FEED: "/var/lib/dimmer/feed", DIMMER_TRUST: trust, DIMMER_PORT: String(port) };
  const sidecar = start("sidecar", undefined, env);
  const text = gathered(sidecar);
  await untilOk(`http://127.0.0.1:${port}/readyz`, sidecar, text);
  const body = JSON.stringify({ tenant: "acme", capability: "create", principal: "member" });
  const answer = await fetch(`http://127.0.0.1:${port}/v1/check`, { method: "POST", body });
  const decision = (await answer.json()) as Record<string, unknown>;
  if (decision["allowed"] !== false || decision["reason"] !== "restricted") {
    throw new Error(`acme has not paid, and the sidecar says ${JSON.stringify(decision)}`);
  }
  say(`sidecar: acme may not create, ${JSON.stringify(decision["cause"])}`);
  await checkHealth("sidecar", port);
  if (!existsSync(join(root, "run/dimmer/sidecar.sock"))) throw new Error("the sidecar has no socket");
  await stop(sidecar, text);
}

async function tryAuthority(): Promise<void> {
  await toEnd(start("authority", ["keys", "init", "/var/lib/dimmer/authority-keys"]));
  const port = await freePort();
  const env = {
    DIMMER_STORE: "sqlite:/var/lib/dimmer/authority.db",
    DIMMER_KEYS: "/var/lib/dimmer/authority-keys",
    DIMMER_PORT: String(port),
  };
  const authority = start("authority", undefined, env);
  const text = gathered(authority);
  await untilOk(`http://127.0.0.1:${port}/readyz`, authority, text);
  await checkHealth("authority", port);
  await stop(authority, text);
  say("authority: signs, is healthy, and stops in order");
}

try {
  runBuildStage();
  if (process.getuid?.() === 0) {
    for (const folder of [work, build]) chownSync(folder, 0, 0);
    execFileSync("chmod", ["755", work]);
    runRuntimeStage();
    const megabytes = Number(execFileSync("du", ["-sm", join(root, "app")], { encoding: "utf8" }).split("\t")[0]);
    say(`what the image adds to Node's: ${megabytes} MB`);
    await trySidecar();
    await tryAuthority();
  } else say("not run: the runtime stage and its start need root, for chroot and mount");
} finally {
  for (const child of children) if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  rmSync(work, { recursive: true, force: true });
}
