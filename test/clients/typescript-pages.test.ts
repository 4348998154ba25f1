import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { expect, it } from "vitest";
import { fencesOf } from "./fences.ts";

const ROOT = join(import.meta.dirname, "../..");
const PAGES = [
  "docs/getting-started.md",
  "docs/guides/frameworks.md",
  "docs/guides/jobs-and-connections.md",
  "docs/guides/testing.md",
  "packages/sdk/README.md",
  "packages/testkit/README.md",
];

/** Inside the repository, where modules are found, and out of its tracked files. */
async function scratch(): Promise<string> {
  const cache = join(ROOT, "node_modules/.cache");
  await mkdir(cache, { recursive: true });
  return await mkdtemp(join(cache, "dimmer-pages-"));
}

it("Every TypeScript block of the pages that products begin with compiles as it stands", {
  timeout: 120_000,
}, async () => {
  const folder = await scratch();
  try {
    const files: string[] = [];
    for (const page of PAGES) {
      const blocks = fencesOf(await readFile(join(ROOT, page), "utf8")).filter(({ language }) => language === "ts");
      expect(blocks.length, page).toBeGreaterThan(0);
      for (const [at, { code }] of blocks.entries()) {
        const file = `${page.replaceAll(/\W+/g, "-")}-${at + 1}.mts`;
        await writeFile(join(folder, file), code);
        files.push(file);
      }
    }
    const compilerOptions = {
      rootDir: ROOT,
      noEmit: true,
      composite: false,
      incremental: false,
      isolatedDeclarations: false,
      types: ["node"],
      lib: ["es2025", "webworker"],
      rewriteRelativeImportExtensions: false,
      allowImportingTsExtensions: true,
    };
    await writeFile(
      join(folder, "tsconfig.json"),
      JSON.stringify({ extends: join(ROOT, "tsconfig.base.json"), compilerOptions, files }),
    );
    const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "../bin/tsc");
    const { promise, resolve } = Promise.withResolvers<string>();
    execFile(process.execPath, [tsc, "-p", folder, "--pretty", "false"], (_error, stdout) => resolve(stdout));
    // Sources are held to their own compilers' settings elsewhere.
    const errors = (await promise)
      .split("\n")
      .filter((line) => line.includes("error") && !line.startsWith("packages/"));
    expect(errors).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
