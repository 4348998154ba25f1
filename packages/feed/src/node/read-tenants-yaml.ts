import { type Document, isMap, isSeq, type Node, type Scalar } from "yaml";
import { MAX_ALIAS_COUNT, parseGuardedYaml } from "./guarded-yaml.ts";
import { refuseAt } from "./input-place.ts";

/** One element of the tenants list, with the means to name the line of a field in it. */
export interface YamlTenant {
  readonly value: unknown;
  /** The line of the element, or of the field at a path such as `restrictions[0].steps[1].at`, as far as it exists. */
  readonly lineOf: (path: string) => number;
}

/**
 * Reads a tenants file in YAML: a list of tenants, or `{ tenants: [...] }`. About 25 µs a tenant and 5 KB of memory: for
 * 100,000 tenants and more, NDJSON is ten times faster.
 *
 * @param file how messages name the file
 * @throws {DimmerError} `input_invalid` at the first fault, naming file and line
 */
export function* readTenantsYaml(text: string, file: string): Generator<YamlTenant> {
  const { document, lineOf } = parseGuardedYaml(text, file);
  const { contents } = document;
  if (contents === null) throw refuseAt(file, 1, "holds no tenants; a feed of none is written as []");
  const list = isMap(contents) && contents.items.length === 1 ? contents.get("tenants", true) : contents;
  if (!isSeq(list)) {
    const line = lineOf((list as Node | undefined)?.range?.[0] ?? contents.range?.[0] ?? 0);
    throw refuseAt(
      file,
      line,
      "must be a list of tenants (- tenant: acme), or tenants: with that list and nothing beside",
    );
  }
  for (const item of list.items as Node[]) {
    const line = lineOf(item.range?.[0] ?? 0);
    yield {
      value: plainValue(item, document, file, line),
      lineOf: (path) => {
        const offset = offsetOf(item, path);
        return offset === undefined ? line : lineOf(offset);
      },
    };
  }
}

function plainValue(item: Node, document: Document, file: string, line: number): unknown {
  try {
    return item.toJS(document, { maxAliasCount: MAX_ALIAS_COUNT });
  } catch (cause) {
    // The only ways to fail: aliases that unfold too far, or that stand inside what they name.
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw refuseAt(file, line, `aliases that cannot be unfolded (${detail}); write the values out`);
  }
}

/** Where the field at a path begins; the nearest thing around it where the field is not there. */
function offsetOf(node: unknown, path: string): number | undefined {
  if (isSeq(node)) {
    const match = /^\[(\d+)\]\.?(.*)$/.exec(path);
    const inner = match === null ? undefined : (node.items[Number(match[1])] as Node | undefined);
    return offsetOf(inner, match?.[2] ?? "") ?? inner?.range?.[0];
  }
  if (!isMap(node)) return undefined;
  for (const { key, value } of node.items as { key: Scalar; value: unknown }[]) {
    const name = String(key.value);
    // A feature's name may hold dots, so names are compared with the path and not with its parts.
    if (path !== name && !(path.startsWith(name) && /^[.[]/.test(path.slice(name.length)))) continue;
    return offsetOf(value, path.slice(name.length).replace(/^\./, "")) ?? key.range?.[0];
  }
  return undefined;
}
