import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

interface Bundler {
  rolldown(options: object): Promise<{ generate(options: object): Promise<{ output: readonly Chunk[] }> }>;
}

/** One file of a bundle. */
export interface Chunk {
  readonly code: string;
  readonly imports: readonly string[];
  /** The modules that are in it, by their paths. */
  readonly moduleIds: readonly string[];
}

/** The bundler that the test runner brings with it. */
async function bundler(): Promise<Bundler> {
  const fromRunner = createRequire(createRequire(import.meta.url).resolve("vitest/package.json"));
  const fromVite = createRequire(fromRunner.resolve("vite/package.json"));
  return (await import(pathToFileURL(fromVite.resolve("rolldown")).href)) as Bundler;
}

/** Bundles a file into one for a runtime that is not Node, but for what `isExternal` says. */
export async function bundle(
  input: string,
  { isExternal = () => false, minify = false }: { isExternal?: (id: string) => boolean; minify?: boolean } = {},
): Promise<Chunk> {
  const built = await (await bundler()).rolldown({
    input,
    platform: "neutral",
    resolve: {
      conditionNames: ["@dimmer/source", "workerd", "browser", "import", "default"],
      mainFields: ["module", "main"],
    },
    external: isExternal,
  });
  const { output } = await built.generate({ minify, codeSplitting: false });
  const [chunk, ...more] = output;
  if (chunk === undefined || more.length > 0) throw new Error(`${output.length} files`);
  return chunk;
}
