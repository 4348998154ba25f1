import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Decision, Denial } from "@dimmer/core";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCorpus, stateOf } from "../../../../test/corpus/load-corpus.ts";

interface Answer {
  readonly decision: Decision;
  readonly answered: Decision;
  readonly denial?: Denial;
}

const BUILD_TIMEOUT_MS = 120_000;
/** What ECMA-262 and ECMA-402 define as globals; Date and WebAssembly are taken away by the test. */
const ECMASCRIPT = new Set(
  `Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Promise RegExp Error
  AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError SuppressedError globalThis JSON Math Intl
  ArrayBuffer Atomics Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float16Array Float32Array
  Float64Array Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt Set Iterator WeakMap WeakSet WeakRef
  Proxy Reflect FinalizationRegistry decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape eval isFinite
  isNaN SharedArrayBuffer DisposableStack AsyncDisposableStack Temporal`.split(/\s+/),
);

const files = loadCorpus();
const input = JSON.stringify(
  files.map((file) => ({
    policy: file.policy,
    questions: file.cases.map(({ tenant, ask, moment }) => {
      const { policy: _, ...state } = stateOf(file, undefined as never, tenant);
      return { state, ask, moment };
    }),
  })),
);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dimmer-core-"));
  const root = fileURLToPath(new URL("../../../../", import.meta.url));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const project = join(root, "packages/core");
  const options = ["-p", project, "--outDir", folder, "--tsBuildInfoFile", join(folder, ".tsbuildinfo")];
  execFileSync(process.execPath, [tsc, ...options], { stdio: "pipe" });
  copyFileSync(new URL("replay.js", import.meta.url), join(folder, "replay.js"));
}, BUILD_TIMEOUT_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the built core", () => {
  it(
    "D1 · decides the corpus in an empty context, which has no clock, no chance and no globals but ECMAScript's",
    () => {
      const script = fileURLToPath(new URL("empty-context.ts", import.meta.url));
      const options = ["--no-warnings", "--experimental-vm-modules", script, folder];
      const output = execFileSync(process.execPath, options, { input, maxBuffer: 64 * 1024 * 1024 });
      const { globals, answers } = JSON.parse(output.toString()) as { globals: string[]; answers: Answer[][] };
      expect(globals.filter((name) => !ECMASCRIPT.has(name))).toEqual([]);
      expectCorpus(answers);
    },
    BUILD_TIMEOUT_MS,
  );

  it(
    "D1 · decides the corpus in workerd",
    async () => {
      const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) => path.endsWith(".js"));
      const contents =
        'import * as core from "./index.js"; import { replay } from "./replay.js"; export default { async fetch(request) { return new Response(replay(core, await request.text())); } };';
      const miniflare = new Miniflare({
        modulesRoot: folder,
        modules: [
          { type: "ESModule", path: join(folder, "worker.js"), contents },
          ...paths.map((path) => {
            const whole = join(folder, path);
            return { type: "ESModule" as const, path: whole, contents: readFileSync(whole, "utf8") };
          }),
        ],
        compatibilityDate: "2026-07-01",
      });
      try {
        const response = await miniflare.dispatchFetch("http://core.test/", { method: "POST", body: input });
        expect(response.status).toBe(200);
        expectCorpus((await response.json()) as Answer[][]);
      } finally {
        await miniflare.dispose();
      }
    },
    BUILD_TIMEOUT_MS,
  );
});

function expectCorpus(answers: readonly (readonly Answer[])[]): void {
  for (const [index, { name, cases }] of files.entries()) {
    for (const [position, { title, expected }] of cases.entries()) {
      const answer = answers[index]?.[position];
      expect(answer?.decision, `${name}: ${title}`).toEqual(expected);
      expect(answer?.answered, `${name}: ${title}`).toEqual(expected);
      if (!expected.allowed) expect(answer?.denial?.headers["Content-Language"]).toBe("ja");
    }
  }
}
