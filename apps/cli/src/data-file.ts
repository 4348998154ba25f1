import { parseDocument } from "yaml";
import { usageFailure } from "./failure.ts";
import { readTextFile } from "./input-file.ts";

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
