import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createContext, runInContext, SourceTextModule } from "node:vm";

/**
 * Loads a built core in a context of its own that has nothing but ECMAScript, and there not even a clock, chance or
 * code from strings; replays the questions of standard input; prints `{ globals, answers }`.
 * Run as `node --experimental-vm-modules empty-context.ts FOLDER`.
 */
const [folder] = process.argv.slice(2);
const input = readFileSync(0, "utf8");
const context = createContext({}, { codeGeneration: { strings: false, wasm: false } });
runInContext(
  "delete globalThis.Date; delete globalThis.console; delete globalThis.WebAssembly; delete Math.random",
  context,
);
const globals = runInContext("JSON.stringify(Object.getOwnPropertyNames(globalThis))", context) as string;

const modules = new Map<string, SourceTextModule>();

async function load(specifier: string): Promise<SourceTextModule> {
  const known = modules.get(specifier);
  if (known !== undefined) return known;
  if (!/^\.\/[a-z0-9/-]+\.js$/.test(specifier)) throw new Error(`the built core imports ${specifier}`);
  const text = await readFile(`${folder}/${specifier}`, "utf8");
  const module = new SourceTextModule(text, { context, identifier: specifier });
  modules.set(specifier, module);
  return module;
}

function resolved(specifier: string, parent: string): string {
  return `./${new URL(specifier, `file:///${parent}`).pathname.slice(1)}`;
}

const entry = new SourceTextModule(
  'import * as core from "./index.js"; import { replay } from "./replay.js"; globalThis.replayed = replay(core, globalThis.input);',
  { context, identifier: "./entry.js" },
);
await entry.link((specifier, parent) => load(resolved(specifier, parent.identifier)));
context["input"] = input;
await entry.evaluate();
process.stdout.write(
  JSON.stringify({ globals: JSON.parse(globals), answers: JSON.parse(context["replayed"] as string) }),
);
