import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";

const ENTRY = join(import.meta.dirname, "../../src/remote/index.ts");
const KIB = 1_024;
/** What is loaded when first needed: signals, denials and explanations, presented tokens. */
const RARE = ["remote-signals", "read-explanation", "telling", "verifying"];

interface Bundler {
  rolldown(options: object): Promise<{ generate(options: object): Promise<{ output: Chunk[] }> }>;
}
interface Chunk {
  readonly code: string;
  readonly imports: readonly string[];
}
interface Bundle {
  readonly gzipBytes: number;
  readonly packages: readonly string[];
}

/** The bundler that the test runner brings with it. */
async function bundler(): Promise<Bundler> {
  const fromRunner = createRequire(createRequire(import.meta.url).resolve("vitest/package.json"));
  const fromVite = createRequire(fromRunner.resolve("vite/package.json"));
  return (await import(pathToFileURL(fromVite.resolve("rolldown")).href)) as Bundler;
}

/** Bundles everything of ours in `/remote` into one file, but for third parties and the lazy parts that are named. */
async function bundle(lazy: readonly string[]): Promise<Bundle> {
  const runner = await bundler();
  const isLazy = (id: string): boolean => lazy.some((name) => id.endsWith(`/${name}.ts`));
  const isOurs = (id: string): boolean => id.startsWith(".") || id.startsWith("/") || id.startsWith("@dimmer/");
  const built = await runner.rolldown({
    input: ENTRY,
    platform: "node",
    resolve: { conditionNames: ["@dimmer/source", "import"] },
    external: (id: string) => isLazy(id) || !isOurs(id),
  });
  const { output } = await built.generate({ minify: true, codeSplitting: false });
  expect(output).toHaveLength(1);
  const { code, imports } = output[0] as Chunk;
  const packages = imports.filter((id) => !isLazy(id) && !id.startsWith("node:"));
  return { gzipBytes: gzipSync(code).length, packages: packages.sort() };
}

describe("@dimmer/sdk/remote in a bundle", { timeout: 60_000 }, () => {
  it("is at most 8 KiB of ours where it asks, without zod and jose", async () => {
    const { gzipBytes, packages } = await bundle([...RARE, "held"]);
    expect(packages).toEqual(["undici"]);
    expect(gzipBytes).toBeLessThanOrEqual(8 * KIB);
    expect(gzipBytes, "the bundle holds something").toBeGreaterThan(3 * KIB);
    console.info(`/remote asks with ${gzipBytes} bytes of ours, minified and gzipped`);
  });

  it("is at most 20 KiB of ours with what verifies the lock list and lints the policy, without zod", async () => {
    const { gzipBytes, packages } = await bundle(RARE);
    expect(packages).toEqual(["jose", "undici"]);
    expect(gzipBytes).toBeLessThanOrEqual(20 * KIB);
    console.info(`/remote asks and verifies with ${gzipBytes} bytes of ours, minified and gzipped`);
  });
});
