import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const directory = join(import.meta.dirname, "misspelt");
const require = createRequire(import.meta.url);

/** The lines of a product that the compiler refuses, by what it says of each. */
async function compile(): Promise<Map<number, string>> {
  const tsc = join(require.resolve("typescript/package.json"), "../bin/tsc");
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(process.execPath, [tsc, "-p", directory, "--pretty", "false"], (_error, stdout) => resolve(stdout));
  const errors = new Map<number, string>();
  for (const text of (await promise).split("\n")) {
    const match = /misspelt\/product\.ts\((\d+),\d+\): error (.*)$/.exec(text);
    if (match !== null) errors.set(Number(match[1]), match[2] as string);
  }
  return errors;
}

describe("connect<typeof policy>", () => {
  it("compiles no misspelt capability, feature, principal, event or option, and everything else", async () => {
    const lines = (await readFile(join(directory, "product.ts"), "utf8")).split("\n");
    const expected = lines.flatMap((line, index) => (line.endsWith("// error") ? [index + 1] : []));
    const errors = await compile();
    const shown = (numbers: Iterable<number>) => [...numbers].map((n) => `${lines[n - 1]} · ${errors.get(n) ?? ""}`);
    expect(expected.length).toBeGreaterThan(15);
    expect(shown(errors.keys())).toEqual(shown(expected));
    expect(errors.get(lines.findIndex((line) => line.includes("craete")) + 1)).toContain(
      `'"craete"' is not assignable`,
    );
  }, 60_000);
});
