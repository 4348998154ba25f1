import { describe, expect, it } from "vitest";
import { classify } from "../../src/routes/classify.ts";
import { compileRoutes, type RouteRule } from "../../src/routes/route-table.ts";
import { readCorpus } from "./corpus.ts";

interface TableCase {
  readonly method: string;
  readonly target: string;
  readonly capability?: string;
  readonly feature?: string;
  readonly rule?: number;
  readonly fault?: string;
}

interface TableFile {
  readonly about: string;
  readonly routes: readonly RouteRule[];
  readonly cases: readonly TableCase[];
}

for (const { file, content } of readCorpus<TableFile>("routes")) {
  describe(`the table corpus ${file}`, () => {
    const table = compileRoutes(content.routes);
    it.each(content.cases.map((line) => [line.method, line.target, line] as const))(
      "classifies %s %j",
      (_m, _t, line) => {
        const { method, target, capability, feature, rule, fault } = line;
        const found = classify(table, method, target);
        if (fault !== undefined) expect(found).toEqual({ fault });
        else {
          expect("fault" in found ? found : { ...found, route: "" }).toEqual({
            capability,
            ...(feature === undefined ? {} : { feature }),
            ...(rule === undefined ? {} : { rule }),
            route: "",
          });
        }
      },
    );
  });
}

describe("classify", () => {
  it("answers the same object for every request of a rule: nothing is built per request", () => {
    const table = compileRoutes([{ path: "/notes/:id", capability: "view" }]);
    expect(classify(table, "GET", "/notes/1")).toBe(classify(table, "GET", "/notes/2?x"));
    expect(classify(table, "POST", "/x")).toBe(classify(table, "POST", "/y"));
  });

  it("names the rule's own text as the route, never the request's", () => {
    const table = compileRoutes([{ method: "GET", path: "/notes/:id", capability: "view" }]);
    expect(classify(table, "GET", "/notes/secret")).toMatchObject({ route: "GET /notes/:id" });
    expect(classify(table, "BREW", "/secret")).toMatchObject({ route: "unmatched other" });
  });

  it("guards everything by its method where the table is empty", () => {
    expect(classify(compileRoutes([]), "POST", "/anything/at/all")).toMatchObject({ capability: "create" });
  });
});
