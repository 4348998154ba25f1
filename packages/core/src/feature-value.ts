import type { FeatureType } from "./policy.ts";

/** Why a value does not fit the type of its feature. */
export interface FeatureValueFault {
  readonly kind: "wrong_type" | "too_deep";
  readonly problem: string;
  readonly expected: string;
}

const MAX_JSON_DEPTH = 16;
const MAX_JSON_NODES = 1_000;
const MAX_STRING_LENGTH = 4_000;

const EXPECTED: Readonly<Record<FeatureType, string>> = {
  boolean: "true, false or null",
  limit: "a number of 0 or more, or null for unlimited",
  string: `a string of at most ${MAX_STRING_LENGTH} characters, or null`,
  json: `an object or array, at most ${MAX_JSON_DEPTH} deep and of ${MAX_JSON_NODES} values, or null`,
};

/** Whether the value is one of the types of features. Never throws. */
export function isFeatureType(value: unknown): value is FeatureType {
  return typeof value === "string" && Object.hasOwn(EXPECTED, value);
}

/**
 * Says why a value does not fit a feature's type; `undefined` where it does. `null` fits every type: unlimited for a
 * limit, off for the rest. Linear in the value, and stops at 1,000 nodes. Never throws.
 */
export function featureValueFault(type: FeatureType, value: unknown): FeatureValueFault | undefined {
  const expected = EXPECTED[type];
  if (value === null || fitsType(type, value)) {
    if (type !== "json" || isModest(value)) return undefined;
    return { kind: "too_deep", problem: "too deep or too large", expected };
  }
  return { kind: "wrong_type", problem: `no value of the type ${type}`, expected };
}

function fitsType(type: FeatureType, value: unknown): boolean {
  switch (type) {
    case "boolean":
      return typeof value === "boolean";
    case "limit":
      return typeof value === "number" && Number.isFinite(value) && value >= 0;
    case "string":
      return typeof value === "string" && value.length <= MAX_STRING_LENGTH;
    case "json":
      return typeof value === "object";
  }
}

/** Walks a JSON value without recursion: a hostile one may be deeper than the stack. */
function isModest(value: unknown): boolean {
  const pending: { readonly node: unknown; readonly depth: number }[] = [{ node: value, depth: 1 }];
  let nodes = 0;
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    nodes += 1;
    const { node, depth } = next;
    if (typeof node !== "object" || node === null) continue;
    const count = Array.isArray(node) ? node.length : Object.keys(node).length;
    if (depth > MAX_JSON_DEPTH || nodes + pending.length + count > MAX_JSON_NODES) return false;
    for (const child of Object.values(node)) pending.push({ node: child, depth: depth + 1 });
  }
  return true;
}
