import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ProductStart } from "./product.ts";

/** The root of the repository: this file lies as deep in `src` as in `dist`. */
const ROOT = new URL("../../../../", import.meta.url);
const IS_FROM_SOURCE = import.meta.url.endsWith(".ts");
const READY_WITHIN_MS = 10_000;
const POLL_MS = 5_000;

/** Ends a Node program when the pipe that is its stdin does: with this process, however that ends. */
const FOLLOW_STDIN = 'process.stdin.resume().on("close", () => process.exit()).unref?.()';

/** The audience of everything that `dimmer dev` signs. */
export const AUDIENCE = "development";

/** The tenants that `dimmer dev` signs unless told otherwise. */
export const EXAMPLE_TENANTS: string = fileURLToPath(new URL("examples/tenants.yaml", ROOT));

/** What billing says of them, unless told otherwise. */
export const EXAMPLE_BILLING: string = fileURLToPath(new URL("examples/billing.yaml", ROOT));

/** What the products are told. */
export interface ProductSurroundings {
  /** `unix:/….sock` */
  readonly sidecar: string;
  /** `http://127.0.0.1:7301` */
  readonly sidecarUrl: string;
  readonly trust: string;
  readonly dataDir: string;
  readonly signal: AbortSignal;
}

/** How the notes product is started: on the Node of this process, with the SDK in process. */
export function notesProduct(port: number, { sidecar, trust, dataDir, signal }: ProductSurroundings): ProductStart {
  const main = fileURLToPath(
    new URL(IS_FROM_SOURCE ? "examples/notes/src/main.ts" : "examples/notes/dist/main.js", ROOT),
  );
  return {
    name: "notes",
    command: process.execPath,
    args: [
      ...(IS_FROM_SOURCE ? ["--conditions=@dimmer/source"] : []),
      `--import=data:text/javascript,${encodeURIComponent(FOLLOW_STDIN)}`,
      main,
      `--feed=${sidecar}`,
      `--trust=${trust}`,
      `--audience=${AUDIENCE}`,
      `--data=${dataDir}`,
      `--poll-ms=${POLL_MS}`,
      `--port=${port}`,
    ],
    readyUrl: `http://127.0.0.1:${port}/health`,
    readyWithinMs: READY_WITHIN_MS,
    signal,
  };
}

/** How the Python product is started, or why it cannot be. */
export function pythonProduct(
  port: number,
  { sidecarUrl, signal }: ProductSurroundings,
): { readonly start: ProductStart; readonly version: string } | { readonly missing: string } {
  const main = fileURLToPath(new URL("examples/notes-python/main.py", ROOT));
  if (!existsSync(main)) return { missing: `${main} is not there` };
  const command = process.platform === "win32" ? "python" : "python3";
  const found = spawnSync(command, ["--version"], { encoding: "utf8", timeout: 5_000 });
  if (found.error !== undefined || found.status !== 0) return { missing: `${command} is not installed` };
  return {
    version: found.stdout.trim(),
    start: {
      name: "python",
      command,
      args: [main, "--port", String(port), "--sidecar", sidecarUrl, "--stop-with-stdin"],
      readyUrl: `http://127.0.0.1:${port}/health`,
      readyWithinMs: READY_WITHIN_MS,
      signal,
    },
  };
}
