// `node launch.mjs main|compare-main …`. Plain JavaScript, which older Nodes read: the suite itself needs the Node and the
// packages that `npm ci` puts there, and without them would end in an error of the loader.
import { existsSync } from "node:fs";

const OLDEST_NODE = 26;
const [script] = process.argv.splice(2, 1);
const packages = new URL("../node_modules/@dimmer/core", import.meta.url);

if (Number(process.versions.node.split(".", 1)[0]) < OLDEST_NODE || !existsSync(packages)) {
  process.stderr.write(
    `bench: needs Node ${OLDEST_NODE} or newer and the packages of this repository (this is Node ` +
      `${process.versions.node}): run "npm ci" first\n`,
  );
  process.exitCode = 3;
} else {
  await import(new URL(`src/${script}.ts`, import.meta.url).href);
}
