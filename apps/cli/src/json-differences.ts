/** One place at which two JSON values differ. `undefined` stands for: not there. */
export interface JsonDifference {
  /** As in `modes.limited.create[0]`; empty for the value itself. */
  readonly place: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** Finds where two JSON values differ, down to their leaves, in the order of their fields. Never throws. */
export function jsonDifferences(before: unknown, after: unknown, place = ""): JsonDifference[] {
  if (Object.is(before, after)) return [];
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  if (was === undefined || is === undefined || Array.isArray(before) !== Array.isArray(after)) {
    return [{ place, before, after }];
  }
  const names = [...new Set([...was.keys(), ...is.keys()])];
  return names.flatMap((name) => {
    const inside = Array.isArray(after) ? `${place}[${name}]` : place === "" ? name : `${place}.${name}`;
    return jsonDifferences(was.get(name), is.get(name), inside);
  });
}

function fieldsOf(value: unknown): Map<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? new Map(Object.entries(value)) : undefined;
}
