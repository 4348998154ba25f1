import { readFileSync, statSync } from "node:fs";
import { environmentFailure, toFailure, usageFailure } from "./failure.ts";

const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Reads a file of text that the user named, at most 4 MiB: policies, route tables, passphrases.
 *
 * @param what what the file is for the user, as in `policy`
 * @throws {CommandFailure} naming the file and what stands in the way
 */
export function readTextFile(path: string, what: string): string {
  let bytes: Buffer;
  try {
    if (statSync(path).size > MAX_BYTES) {
      throw usageFailure(`${what} ${path}: has over ${MAX_BYTES / 1024 / 1024} MiB; is it the right file?`);
    }
    bytes = readFileSync(path);
  } catch (cause) {
    const failure = toFailure(cause);
    if (failure.code === "input_invalid") throw failure;
    throw environmentFailure(failure.code, `${what} ${failure.message}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw usageFailure(`${what} ${path}: is not UTF-8 text`);
  }
}
