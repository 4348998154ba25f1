import { readFileSync, statSync } from "node:fs";
import { parseDocument } from "yaml";
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

/**
 * Reads a file of JSON or YAML 1.2 as plain values. Fields given twice, tags and aliases are refused.
 *
 * @throws {CommandFailure} naming file, line and what is wrong
 */
export function readDataFile(path: string, what: string): unknown {
  const text = readTextFile(path, what);
  if (text.startsWith("\ufeff"))
    throw usageFailure(`${what} ${path}:1: begins with a byte-order mark; save it without`);
  const document = parseDocument(text, {
    schema: "core",
    version: "1.2",
    uniqueKeys: true,
    stringKeys: true,
    merge: false,
  });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line ?? 1;
    throw usageFailure(`${what} ${path}:${line}: ${problem.message.split("\n", 1)[0] ?? ""}`);
  }
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw usageFailure(`${what} ${path}: has aliases (*name); write the values out`);
  }
}
