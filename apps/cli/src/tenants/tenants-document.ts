import { Document, isMap, isScalar, isSeq, parseDocument, visit, type YAMLMap, YAMLSeq } from "yaml";
import { usageFailure } from "../failure.ts";

/** A tenants file in YAML, open for editing: what is not edited keeps its comments and its layout. */
export interface TenantsDocument {
  /** The tenant's map. @throws {CommandFailure} where the file has no such tenant */
  tenant(id: string): YAMLMap;
  has(id: string): boolean;
  /** Puts a new tenant at the end. */
  add(tenant: Readonly<Record<string, unknown>>): void;
  /** Takes a tenant out, with the comment before it. @throws {CommandFailure} where the file has no such tenant */
  remove(id: string): void;
  /** The text after the edits; the very text that was read where there were none. */
  text(): string;
}

// Long lines are not folded: the lines of a comment and of a map in one line are the author's choice.
const LAYOUT = { lineWidth: 0 } as const;

/**
 * Opens the text of a tenants file, which must be one that `readTenantsFile` accepts (its mistakes are told there).
 *
 * @param file how messages name the file
 * @throws {CommandFailure} where the text is not a YAML list of tenants, or has aliases
 */
export function openTenantsDocument(text: string, file: string): TenantsDocument {
  const document = parseDocument(text, { schema: "core", version: "1.2", stringKeys: true, merge: false });
  const [problem] = document.errors;
  if (problem !== undefined) throw usageFailure(`${file}: not YAML: ${problem.message}`);
  visit(document, {
    // An edit in one place would change the other one too.
    Alias: (_, { source }) => {
      throw usageFailure(`${file}: has an alias (*${source}); write the values out, or edit the file by hand`);
    },
  });
  const { contents } = document;
  const list: unknown = isMap(contents) ? contents.get("tenants", true) : contents;
  if (!isSeq(list)) throw usageFailure(`${file}: must be a list of tenants (- tenant: acme)`);
  const before = document.toString(LAYOUT);
  const indexOf = (id: string): number =>
    list.items.findIndex((item) => isMap(item) && String(plain(item.get("tenant"))) === id);
  const find = (id: string): number => {
    const index = indexOf(id);
    if (index === -1) throw usageFailure(`no tenant ${JSON.stringify(id)} in ${file}; "dimmer tenant list" shows them`);
    return index;
  };
  return {
    tenant: (id) => list.items[find(id)] as YAMLMap,
    has: (id) => indexOf(id) !== -1,
    add: (tenant) => {
      const node = document.createNode(tenant) as YAMLMap;
      node.spaceBefore = list.items.length > 0;
      list.flow = false;
      list.items.push(node);
    },
    remove: (id) => {
      list.items.splice(find(id), 1);
    },
    text: () => mergeEdit(text, before, document.toString(LAYOUT)),
  };
}

/** A node for a map that stands on one line, as steps and locks do: `{ at: now, mode: limited }`. Never throws. */
export function inlineMap(value: Readonly<Record<string, unknown>>): YAMLMap {
  const map = new Document().createNode(value) as YAMLMap;
  map.flow = true;
  return map;
}

/** A node for a map or list on lines of its own. Never throws. */
export function blockNode(value: unknown): unknown {
  return new Document().createNode(value);
}

/** The list under a key of a map, made where it is not there. Never throws. */
export function listUnder(map: YAMLMap, key: string): YAMLSeq {
  const found: unknown = map.get(key, true);
  if (isSeq(found)) return found;
  const made = new YAMLSeq();
  map.set(key, made);
  return made;
}

/** What a scalar says; anything else as it is. Never throws. */
export function plain(value: unknown): unknown {
  return isScalar(value) ? value.value : value;
}

/**
 * Puts an edit into the text as its author laid it out: only the lines between the first and the last that the edit
 * changed are written anew. Where laying the file out again moved lines, the whole of it is written anew.
 */
function mergeEdit(text: string, before: string, after: string): string {
  if (before === after) return text;
  const [own, old, edited] = [text, before, after].map((t) => t.split("\n")) as [string[], string[], string[]];
  if (own.length !== old.length) return after;
  const shorter = Math.min(old.length, edited.length);
  let start = 0;
  while (start < shorter && old[start] === edited[start]) start++;
  let end = 0;
  while (end < shorter - start && old[old.length - 1 - end] === edited[edited.length - 1 - end]) end++;
  return [...own.slice(0, start), ...edited.slice(start, edited.length - end), ...own.slice(own.length - end)].join(
    "\n",
  );
}
