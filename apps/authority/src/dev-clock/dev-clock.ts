import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { DimmerError } from "@dimmer/core";

/**
 * A clock for development that runs as the machine's does and can be moved ahead, never back: what was signed at an
 * instant was signed. How far it was moved is kept in a file, so that the next start goes on there.
 */
export class DevClock {
  readonly #path: string;
  readonly #realMs: () => number;
  #offsetMs: number;

  /** @throws {DimmerError} `input_invalid` where the file holds something else */
  constructor(path: string, realMs: () => number = Date.now) {
    this.#path = path;
    this.#realMs = realMs;
    this.#offsetMs = readOffset(path);
  }

  /** Unix milliseconds. */
  now = (): number => this.#realMs() + this.#offsetMs;

  /** How far ahead of the machine's clock it is. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Moves it to an instant; one that lies behind changes nothing. @throws what the file system throws */
  moveTo(ms: number): void {
    const byMs = ms - this.now();
    if (byMs <= 0) return;
    const offsetMs = this.#offsetMs + byMs;
    // Written first: a start after a crash is never earlier than what was signed.
    writeFileSync(`${this.#path}.new`, `${JSON.stringify({ offsetMs })}\n`, { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
    this.#offsetMs = offsetMs;
  }
}

function readOffset(path: string): number {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
  let offsetMs: unknown;
  try {
    ({ offsetMs } = JSON.parse(text) as { offsetMs?: unknown });
  } catch {
    offsetMs = undefined;
  }
  if (typeof offsetMs === "number" && Number.isSafeInteger(offsetMs) && offsetMs >= 0) return offsetMs;
  throw new DimmerError("input_invalid", `${path}: holds no clock; remove it, or name another file with --dev-clock`);
}
