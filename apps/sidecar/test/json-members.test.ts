import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countMembersOfText, duplicateKeys } from "../src/json-members.ts";

/** Members of a parsed value, the naive way. */
function countMembersOfValue(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, item) => sum + countMembersOfValue(item), 0);
  return inner + (Array.isArray(value) ? 0 : Object.keys(value).length);
}

describe("countMembersOfText", () => {
  it("equals the members of the value where no key stands twice, however the text is spaced", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 1, "\t"), (value, space) => {
        const text = JSON.stringify(value, undefined, space);
        // What parsing makes of it counts: `JSON.parse` sets a key `__proto__` like any other.
        expect(countMembersOfText(text)).toBe(countMembersOfValue(JSON.parse(text)));
      }),
    );
  });

  it.each([
    ['{"a":"b:c","d":"e\\":f"}', 2],
    ['{"a\\\\":1,"b":":"}', 2],
    ['[":","{\\"a\\":1}"]', 0],
    ['{"a":{"a":1},"a":2}', 3],
  ])("counts %s as %d", (text, members) => {
    expect(countMembersOfText(text)).toBe(members);
  });
});

describe("duplicateKeys", () => {
  it.each([
    ['{"a":1,"a":2}', ["a"]],
    ['{"a":1,"\\u0061":2}', ["a"]],
    ['{"a":{"a":1},"b":{"a":2}}', []],
    ['{"usage":{"current":1,"current":2}}', ["usage.current"]],
    ['{"checks":[{"tenant":"x"},{"tenant":"x","tenant":"y"}]}', ["checks[1].tenant"]],
    ['{"checks":[],"checks":[]}', ["checks"]],
    ['[{"a":1},{"a":1}]', []],
    ['{"":1,"":2}', [""]],
    ['{"a":["b",{"b":1,"b":2}],"a":"a"}', ["a[1].b", "a"]],
    ['"a"', []],
    ['{"a":"}","b":"]","a":1}', ["a"]],
  ])("finds in %s the keys %j", (text, keys) => {
    expect(duplicateKeys(text)).toEqual(keys);
  });

  it("finds none in what JSON.stringify writes", () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => duplicateKeys(JSON.stringify(value)).length === 0));
  });
});
