import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");

/** Runs a tool's script on this very Node and gives back all that it printed. */
function run(tool: string, args: readonly string[], cwd: string): Promise<string> {
  return new Promise((done) => {
    const script = join(root, "node_modules/.bin", tool);
    execFile(process.execPath, [script, ...args], { cwd, maxBuffer: 8 << 20 }, (_, stdout, stderr) =>
      done(stdout + stderr),
    );
  });
}

/** A folder with the repository's own rules, in which a violation is planted. */
const folder = mkdtempSync(join(tmpdir(), "dimmer-layers-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plant(path: string, source: string): void {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, source);
}

const importing = (module: string): string => `import * as it from "${module}";\nexport const planted: unknown = it;\n`;

describe("layers point one way", () => {
  const violations: readonly [folder: string, module: string][] = [
    ["packages/core/src", "@dimmer/statement"],
    ["packages/core/src", "node:fs"],
    ["packages/core/src", "zod"],
    ["packages/statement/src", "@dimmer/feed/follow"],
    ["packages/statement/src", "node:crypto"],
    ["packages/feed/src/follow", "@dimmer/sdk"],
    ["packages/feed/src/follow", "node:fs"],
    ["packages/feed/src/build", "undici"],
    ["packages/feed/src/node", "@dimmer/sdk"],
    ["packages/sdk/src", "@dimmer/sidecar"],
    ["packages/sdk/src/routes", "node:path"],
    ["packages/sdk/src/guard", "@dimmer/feed/follow"],
    ["packages/sdk/src/edge", "@dimmer/statement"],
    ["packages/sdk/src/edge", "node:crypto"],
    ["packages/sdk/src/held", "undici"],
    ["apps/sidecar/src", "@dimmer/cli"],
    ["apps/authority/src", "@dimmer/sidecar"],
    ["apps/authority/src", "@dimmer/sdk"],
  ];
  const allowed: readonly [folder: string, module: string][] = [
    ["packages/core/src", "./decide.ts"],
    ["packages/statement/src", "@dimmer/core"],
    ["packages/feed/src/follow", "@dimmer/statement"],
    ["packages/feed/src/node", "node:fs/promises"],
    ["packages/sdk/src", "@dimmer/feed/follow"],
    ["packages/sdk/src/edge", "@dimmer/statement/lean"],
    ["apps/sidecar/src", "@dimmer/sdk/routes"],
    ["apps/authority/src", "@dimmer/feed/node"],
  ];
  const fileOf = (place: string, module: string): string => `${place}/planted-${module.replace(/[^a-z]+/g, "-")}.ts`;
  let findings: string[] = [];

  beforeAll(async () => {
    for (const name of ["biome.json", ".gitignore"]) copyFileSync(join(root, name), join(folder, name));
    for (const [place, module] of [...violations, ...allowed]) plant(fileOf(place, module), importing(module));
    const output = await run("biome", ["lint", "--max-diagnostics=none", "--reporter=github", "."], folder);
    findings = output.split("\n").filter((line) => line.includes("noRestrictedImports"));
  }, 30_000);

  it.each(violations)("a file in %s that imports %s is caught", (place, module) => {
    expect(findings.some((line) => line.includes(fileOf(place, module)))).toBe(true);
  });

  it.each(allowed)("a file in %s may import %s", (place, module) => {
    expect(findings.filter((line) => line.includes(fileOf(place, module)))).toEqual([]);
  });
});

describe("pure packages know no clock, chance or process", () => {
  const violations: readonly [what: string, source: string, rule: string][] = [
    ["date", "export const planted: number = Date.now();\n", "no-restricted-globals"],
    ["chance", "export const planted: number = Math.random();\n", "no-restricted-properties"],
    ["timer", "setTimeout(() => undefined, 1);\n", "no-restricted-globals"],
    ["process", "export const planted: unknown = process.env;\n", "no-restricted-globals"],
  ];

  it.each(violations)(
    "core that uses %s is caught",
    async (what, source, rule) => {
      copyFileSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
      const path = `packages/core/src/planted-${what}.ts`;
      plant(path, source);
      const output = await run("oxlint", ["--tsconfig", join(root, "tsconfig.base.json"), path], folder);
      expect(output).toContain(rule);
    },
    30_000,
  );
});

describe("the runtime", () => {
  it("is the Node that the repository brings", () => {
    expect(process.version).toBe("v26.10.0");
  });
});
