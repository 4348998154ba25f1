import { readFileSync } from "node:fs";
import { DimmerError } from "@dimmer/core";
import { compileRoutes, type RouteRule, type RouteTable } from "@dimmer/sdk/routes";
import { isNode, isSeq, LineCounter, parseDocument } from "yaml";

const MAX_BYTES = 1024 * 1024;
const SHAPE = "Write a list of {method?, path, capability, feature?}";

/**
 * Reads a route table from a YAML file: a list of rules, the first that matches wins. Whether the policy knows the names
 * is not looked at; `dimmer routes lint` does.
 *
 * @throws {DimmerError} `options_invalid` naming the file, the line where it is known, and the fix
 */
export function readRouteFile(path: string): RouteTable {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw fault(path, `cannot be read (${code}). Name a readable YAML file`);
  }
  if (bytes.length > MAX_BYTES) throw fault(path, `has over ${MAX_BYTES} bytes. Is it the right file?`);
  const lineCounter = new LineCounter();
  const document = parseDocument(bytes.toString("utf8"), { strict: true, uniqueKeys: true, lineCounter });
  const [problem] = document.errors;
  if (problem !== undefined) throw fault(path, `${problem.message.split("\n")[0]} ${SHAPE}`);
  const { contents } = document;
  if (!isSeq(contents)) throw fault(path, `must hold a list. ${SHAPE}`);
  try {
    return compileRoutes(document.toJS({ maxAliasCount: 0 }) as RouteRule[]);
  } catch (error) {
    const { message } = error as Error;
    const index = /^routes\[(\d+)\]/.exec(message)?.[1];
    const item = index === undefined ? undefined : contents.items[Number(index)];
    const start = isNode(item) ? item.range?.[0] : undefined;
    const line = start === undefined ? "" : ` line ${lineCounter.linePos(start).line}`;
    throw fault(`${path}${line}`, message);
  }
}

function fault(place: string, message: string): DimmerError {
  return new DimmerError("options_invalid", `--routes ${place}: ${message}.`);
}
