import type { DocumentNode, FragmentDefinitionNode, OperationDefinitionNode, SelectionSetNode } from "graphql";

/** An operation of a document, and the names of the fields at its root. */
export interface RootFields {
  readonly operation: "query" | "mutation" | "subscription";
  readonly fields: readonly string[];
}

/**
 * Reads which operation of a document is meant and what stands at its root, fragments included, by the fields' own names
 * whatever their aliases. It counts fields that `@skip` or `@include` may leave out: what is denied is then denied with
 * them. Introspection (`__schema`, `__typename`) is left out: it shows nothing of a tenant.
 *
 * Linear in the document. Never throws for a document that validates.
 *
 * @returns `undefined` where no single operation is meant: the executor refuses such a request by itself
 */
export function rootFieldsOf(document: DocumentNode, operationName: string | null | undefined): RootFields | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operations: OperationDefinitionNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind === "FragmentDefinition") fragments.set(definition.name.value, definition);
    if (definition.kind === "OperationDefinition") operations.push(definition);
  }
  const isNamed = operationName !== undefined && operationName !== null && operationName !== "";
  const meant = isNamed ? operations.filter(({ name }) => name?.value === operationName) : operations;
  const [operation] = meant;
  if (operation === undefined || meant.length > 1) return undefined;
  const fields = new Set<string>();
  collect(operation.selectionSet, fragments, { fields, seen: new Set() });
  return { operation: operation.operation, fields: [...fields] };
}

/** What is collected so far. Fragments that were seen are not entered again: they may lead in circles. */
interface Collected {
  readonly fields: Set<string>;
  readonly seen: Set<string>;
}

function collect(
  { selections }: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  collected: Collected,
): void {
  for (const selection of selections) {
    if (selection.kind === "Field") {
      if (!selection.name.value.startsWith("__")) collected.fields.add(selection.name.value);
    } else if (selection.kind === "InlineFragment") {
      collect(selection.selectionSet, fragments, collected);
    } else if (!collected.seen.has(selection.name.value)) {
      collected.seen.add(selection.name.value);
      const fragment = fragments.get(selection.name.value);
      if (fragment !== undefined) collect(fragment.selectionSet, fragments, collected);
    }
  }
}
