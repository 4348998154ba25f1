import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { bundle } from "./bundle.ts";

const ENTRY = join(import.meta.dirname, "../../src/edge/index.ts");
const KIB = 1_024;
/** What is loaded when first needed: explanations and denials. */
const isRare = (id: string): boolean => id.endsWith("/telling.ts");
const isOurs = (id: string): boolean => id.startsWith(".") || id.startsWith("/") || id.startsWith("@dimmer/");

describe("@dimmer/sdk/edge in a bundle", { timeout: 60_000 }, () => {
  it("is at most 30 KiB of ours, minified and gzipped, and needs jose and lru-cache alone", async () => {
    const { code, imports } = await bundle(ENTRY, { isExternal: (id) => isRare(id) || !isOurs(id), minify: true });
    expect(imports.filter((id) => !isRare(id)).sort()).toEqual(["jose", "lru-cache"]);
    const gzipBytes = gzipSync(code).length;
    expect(gzipBytes).toBeLessThanOrEqual(30 * KIB);
    expect(gzipBytes, "the bundle holds something").toBeGreaterThan(10 * KIB);
    console.info(`/edge is ${gzipBytes} bytes of ours, minified and gzipped`);
  });

  it("is whole for a runtime that is not Node: no zod, nothing of node:", async () => {
    const { code, imports, moduleIds } = await bundle(ENTRY, {
      isExternal: (id) => id.startsWith("node:"),
      minify: true,
    });
    expect(imports).toEqual([]);
    expect(moduleIds.filter((id) => /node_modules\/(?:zod|undici)\//.test(id))).toEqual([]);
    console.info(`/edge is ${gzipSync(code).length} bytes with jose and lru-cache`);
  });
});
