import { standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { classify } from "../../src/routes/classify.ts";
import { compileRoutes, type RouteRule } from "../../src/routes/route-table.ts";

const good: RouteRule = { method: "POST", path: "/notes", capability: "create" };

describe("compileRoutes", () => {
  it.each<[string, unknown, string]>([
    ["no list", {}, "routes is an object: give a list of"],
    ["nothing", undefined, "routes is missing"],
    ["a rule that is no object", [good, "x"], 'routes[1] is "x": give an object of method, path, capability, feature'],
    ["null for a rule", [null], "routes[0] is null"],
    [
      "a misspelt field",
      [{ ...good, capabilty: "x" }],
      'routes[0].capabilty is no field: did you mean "capability"? known are method, path',
    ],
    ["a method in lower case", [{ ...good, method: "post" }], 'routes[0].method is "post": give an upper-case method'],
    ["an empty method", [{ ...good, method: "" }], 'routes[0].method is ""'],
    ["a method that is no string", [{ ...good, method: 1 }], "routes[0].method is 1"],
    ["no path", [{ capability: "view" }], "routes[0].path is missing: give a pattern"],
    [
      "a path that no request has",
      [{ ...good, path: "/a;b" }],
      'routes[0].path is "/a;b": no request with such a path',
    ],
    ["no capability", [{ path: "/" }], "routes[0].capability is missing: give a capability of the policy"],
    ["a capability that is no name", [{ ...good, capability: "Create" }], 'routes[0].capability is "Create"'],
    ["an inherited name", [{ ...good, capability: "__proto__" }], 'routes[0].capability is "__proto__"'],
    ["a feature that is no name", [{ ...good, feature: 1 }], "routes[0].feature is 1: give a feature"],
    [
      "a feature on an open route",
      [{ path: "/", capability: "open", feature: "sso" }],
      "an open route asks for nothing",
    ],
  ])("refuses %s and says where and what to do", (_what, rules, message) => {
    const make = (): unknown => compileRoutes(rules as RouteRule[]);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
    expect(make).toThrow(expect.objectContaining({ code: "options_invalid" }));
  });

  it("refuses names that the policy does not have, where it is given one", () => {
    expect(() => compileRoutes([{ path: "/", capability: "creat" }], standardPolicy)).toThrow(
      'routes[0].capability is "creat": the policy has view, export',
    );
    expect(() => compileRoutes([{ ...good, feature: "ssso" }], standardPolicy)).toThrow("the policy has seats");
    expect(() =>
      compileRoutes(
        [
          { ...good, feature: "sso" },
          { path: "/", capability: "open" },
        ],
        standardPolicy,
      ),
    ).not.toThrow();
  });

  it("takes any method that is written in capitals", () => {
    const table = compileRoutes([{ method: "M-SEARCH", path: "/**", capability: "import" }]);
    expect(classify(table, "M-SEARCH", "/x")).toMatchObject({ capability: "import" });
  });

  it("prefers an earlier rule for GET to a later one for HEAD, and an earlier one for HEAD to a later one for GET", () => {
    const rule = (method: string, capability: string): RouteRule => ({ method, path: "/x", capability });
    const getFirst = compileRoutes([rule("GET", "export"), rule("HEAD", "view")]);
    const headFirst = compileRoutes([rule("HEAD", "view"), rule("GET", "export")]);
    expect(classify(getFirst, "HEAD", "/x")).toMatchObject({ capability: "export" });
    expect(classify(headFirst, "HEAD", "/x")).toMatchObject({ capability: "view" });
    expect(classify(headFirst, "GET", "/x")).toMatchObject({ capability: "export" });
  });
});
