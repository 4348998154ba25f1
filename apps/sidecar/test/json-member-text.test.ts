import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonMemberText } from "../src/json-member-text.ts";

describe("the text of a member", () => {
  it.each([
    ['{"body":{"n":12345678901234567890,"x":1.0}}', '{"n":12345678901234567890,"x":1.0}'],
    ['{ "id" : "a,}" , "body" : [1, {"body": 2}] , "z":1}', '[1, {"body": 2}]'],
    ['{"body":"\\"}"}', '"\\"}"'],
    ['{"bod\\u0079": {"2":0,"1":0} }', '{"2":0,"1":0}'],
    ['{"body":1,"body":2}', "2"],
    ['{"a":{"body":1},"b":"body"}', undefined],
    ["{}", undefined],
    ['{"body": null\n}', "null"],
  ])("of %s is %s", (json, text) => {
    expect(jsonMemberText(json, "body")).toBe(text);
  });

  it("parses to what the member is, for any object, however it is spaced", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.jsonValue(),
        fc.constantFrom(0, 1, "\t"),
        (rest, body, space) => {
          const json = JSON.stringify({ ...rest, body }, undefined, space);
          expect(JSON.parse(jsonMemberText(json, "body") ?? "")).toEqual(JSON.parse(JSON.stringify(body)));
        },
      ),
    );
  });
});
