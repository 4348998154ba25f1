import { describe, expect, it } from "vitest";
import { classify } from "../../src/routes/classify.ts";
import { compileRoutes, type RouteRule, type RouteTable } from "../../src/routes/route-table.ts";

const SHORT_BYTES = 256;
const LONG_BYTES = 8192;
const GROWTH = LONG_BYTES / SHORT_BYTES;
/** Linear work grows 32 times, quadratic work 1,024 times: between them there is room for a noisy machine. */
const MOST = GROWTH * 6;

/** Rules that begin alike and end differently, as deep as patterns go. */
const rules: RouteRule[] = Array.from({ length: 200 }, (_, index) => ({
  method: "GET",
  path: `/${["a", ":x", "a", ":y", "a", ":z"].slice(0, 1 + (index % 6)).join("/")}/end${index}`,
  capability: "view",
}));
const table = compileRoutes([...rules, { path: "/a/a/a/a/a/a/a/a/**", capability: "export" }]);

const shapes: Readonly<Record<string, string>> = {
  "ordinary letters": "abcdefgh",
  slashes: "/",
  "short segments": "/a",
  "here and back": "/a/..",
  "dots that stay": "/.",
  "encoded letters": "%61",
  "encoded dots": "/%2e",
  "percent signs": "%25",
  "percent signs and half a digit pair": "%252/",
  "letters of three bytes": "%E3%81%82",
  "characters to encode": "{",
  "open braces and dots": "{./",
};

function targetOf(unit: string, bytes: number): string {
  return `/${unit.repeat(Math.floor((bytes - 1) / unit.length))}`;
}

/** The least time of many tries: what the machine does meanwhile only adds. */
function leastNs(made: RouteTable, target: string): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 40; round++) {
    const from = process.hrtime.bigint();
    for (let again = 0; again < 4; again++) classify(made, "GET", target);
    least = Math.min(least, Number(process.hrtime.bigint() - from));
  }
  return least;
}

describe("classifying a path", () => {
  it.each(Object.entries(shapes))("costs no more than its length for 8 KB of %s", (_name, unit) => {
    const short = targetOf(unit, SHORT_BYTES);
    const long = targetOf(unit, LONG_BYTES);
    leastNs(table, long);
    expect(leastNs(table, long) / leastNs(table, short)).toBeLessThan(MOST);
  });

  it("costs no more for a path of 4,096 segments than the table's patterns are deep", () => {
    const deep = classify(table, "GET", `/${"a/".repeat(4095)}`);
    expect(deep).toMatchObject({ capability: "export" });
    expect(table.maxSegments).toBeLessThan(16);
  });
});
