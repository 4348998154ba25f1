import { readFileSync } from "node:fs";
import { DimmerError } from "@dimmer/core";
import type { ParsedNode } from "yaml";
import { yaml } from "./lazy-yaml.ts";

/** A YAML file, read. */
export interface YamlFile {
  readonly value: unknown;
  /** The node of the whole, to find places in. */
  readonly contents: ParsedNode | null;
  /** The line of an offset, counted from 1. */
  readonly lineAt: (offset: number) => number;
}

/** Configuration written by hand is smaller than this by far; more is another file, or an attack on the parser. */
const MAX_BYTES = 1024 * 1024;

/**
 * Reads a YAML file of configuration. Aliases are refused, whole: they are how a small file becomes a large value.
 *
 * @param option the option that names the file, for the message
 * @throws {DimmerError} `options_invalid` naming option, file, line and fault
 */
export function readYamlFile(path: string, option: string): YamlFile {
  const fault = (message: string): DimmerError => new DimmerError("options_invalid", `${option} ${path}: ${message}`);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw fault(`cannot be read (${(error as NodeJS.ErrnoException).code}). Name a readable YAML file.`);
  }
  if (bytes.length > MAX_BYTES) throw fault(`has over ${MAX_BYTES} bytes. Is it the right file?`);
  const { LineCounter, parseDocument } = yaml();
  const lines = new LineCounter();
  const document = parseDocument(bytes.toString("utf8"), { strict: true, uniqueKeys: true, lineCounter: lines });
  const [problem] = document.errors;
  if (problem !== undefined) throw fault(`${problem.message.split("\n", 1)[0]?.replace(/:$/, "")}. Write plain YAML.`);
  try {
    const value = document.toJS({ maxAliasCount: 0 }) as unknown;
    return { value, contents: document.contents, lineAt: (offset) => lines.linePos(offset).line };
  } catch {
    throw fault("holds an alias (*name). Write the value out.");
  }
}
