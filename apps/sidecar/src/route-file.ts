import { DimmerError } from "@dimmer/core";
import { compileRoutes, type RouteRule, type RouteTable } from "@dimmer/sdk/routes";
import { yaml } from "./config/lazy-yaml.ts";
import { readYamlFile, type YamlFile } from "./config/yaml-file.ts";

/**
 * Reads a route table from a YAML file: a list of rules, the first that matches wins. Whether the policy knows the names
 * is not looked at; `dimmer routes lint` does.
 *
 * @throws {DimmerError} `options_invalid` naming the file, the line where it is known, and the fix
 */
export function readRouteFile(path: string): RouteTable {
  const file = readYamlFile(path, "--routes");
  if (!Array.isArray(file.value)) {
    throw new DimmerError(
      "options_invalid",
      `--routes ${path}: must hold a list of rules. Write - {method: POST, path: /notes, capability: create}.`,
    );
  }
  try {
    return compileRoutes(file.value as RouteRule[]);
  } catch (error) {
    const { message } = error as Error;
    const index = /^routes\[(\d+)\]/.exec(message)?.[1];
    const line = index === undefined ? "" : lineOfItem(file, Number(index));
    throw new DimmerError("options_invalid", `--routes ${path}${line}: ${message}.`);
  }
}

function lineOfItem({ contents, lineAt }: YamlFile, index: number): string {
  const { isNode, isSeq } = yaml();
  const item = isSeq(contents) ? contents.items[index] : undefined;
  const start = isNode(item) ? item.range?.[0] : undefined;
  return start === undefined ? "" : `, line ${lineAt(start)}`;
}
