import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { covers, matches, overlaps, type Pattern, parsePattern } from "../../src/routes/pattern.ts";

const segment = fc.constantFrom("a", "b", "c");
const pattern = fc
  .tuple(fc.array(fc.oneof(segment, fc.constant(":x")), { maxLength: 4 }), fc.boolean())
  .map(([parts, isOpen]) => parse(`/${[...parts, ...(isOpen ? ["**"] : [])].join("/")}`));
const path = fc.array(segment, { maxLength: 6 });

function parse(text: string): Pattern {
  const parsed = parsePattern(text);
  if ("fault" in parsed) throw new Error(parsed.fault);
  return parsed;
}

/** The same question by a regular expression: what a reader would write first. */
function matchesByExpression({ segments, isOpenEnded }: Pattern, parts: readonly string[]): boolean {
  const source = segments.map((literal) => `/${literal ?? "[^/]+"}`).join("");
  return new RegExp(`^${source}${isOpenEnded ? "(?:/.*)?" : ""}$`).test(parts.map((part) => `/${part}`).join(""));
}

describe("a pattern", () => {
  it("matches what the regular expression of it matches", () => {
    let matched = 0;
    fc.assert(
      fc.property(pattern, path, (made, parts) => {
        const expected = matchesByExpression(made, parts);
        matched += expected ? 1 : 0;
        expect(matches(made, parts)).toBe(expected);
      }),
      { numRuns: 20_000 },
    );
    expect(matched).toBeGreaterThan(500);
  });

  it("covers another only if it matches all that the other matches", () => {
    let covered = 0;
    fc.assert(
      fc.property(pattern, pattern, path, (wide, narrow, parts) => {
        if (!covers(wide, narrow) || !matches(narrow, parts)) return;
        covered += 1;
        expect(matches(wide, parts)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
    expect(covered).toBeGreaterThan(100);
  });

  it("overlaps another exactly if some path matches both", () => {
    fc.assert(
      fc.property(pattern, pattern, (a, b) => {
        const length = Math.max(a.segments.length, b.segments.length);
        const shared = Array.from({ length }, (_, at) => a.segments[at] ?? b.segments[at] ?? "z");
        expect(overlaps(a, b)).toBe(matches(a, shared) && matches(b, shared));
        expect(overlaps(b, a)).toBe(overlaps(a, b));
      }),
      { numRuns: 20_000 },
    );
  });

  it.each([
    ["/a/**/b", 'only a last segment "**"'],
    ["/a/*", 'only a last segment "**"'],
    ["/a/***", 'only a last segment "**"'],
    ["/a*", 'only a last segment "**"'],
    ["/:", "a parameter is a whole segment"],
    ["/:id.csv", "a parameter is a whole segment"],
    ["/:id{[0-9]+}", "a parameter is a whole segment"],
    ["/:id?", "no optional part"],
    ["/a?b=c", "no query"],
    ["a", "no leading slash"],
    ["", "no leading slash"],
    ["/a%2fb", "encoded slash"],
    ["/a;b", "semicolon"],
    ["/a b", "raw space"],
    ["/..", "climbs above the root"],
    ["https://a.example/b", "absolute form"],
    ["/a%zz", "invalid percent-encoding"],
  ])("is refused as %j", (text, why) => {
    expect(parsePattern(text)).toEqual({ fault: expect.stringContaining(why) });
  });

  it("has no case, and its letters may be raw, encoded or of any script", () => {
    expect(parse("/Caf%C3%89/ノート").segments).toEqual(["café", "ノート"]);
    expect(parse("/café/%E3%83%8E%E3%83%BC%E3%83%88").segments).toEqual(["café", "ノート"]);
    expect(parse("/\ud800").segments).toEqual(["\ufffd"]);
  });
});
