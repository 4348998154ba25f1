import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lintRoutes } from "../../src/routes/lint-routes.ts";
import type { ProtectedRoutes } from "../../src/routes/protected-routes.ts";
import type { RouteRule } from "../../src/routes/route-table.ts";

const ways: RouteRule[] = [
  { method: "POST", path: "/login", capability: "login" },
  { path: "/billing/**", capability: "pay" },
  { path: "/exports/**", capability: "export" },
  { path: "/contact", capability: "contact" },
  { path: "/cancel", capability: "leave" },
];

const elsewhere: ProtectedRoutes = {
  login: "elsewhere",
  pay: "elsewhere",
  export: "elsewhere",
  contact: "elsewhere",
  leave: "elsewhere",
};

function found(rules: unknown, protectedRoutes?: ProtectedRoutes): (readonly [string, string])[] {
  return lintRoutes(rules, standardPolicy, protectedRoutes).map(({ code, place }) => [code, place]);
}

describe("lintRoutes", () => {
  it("finds nothing in a table that says where everything is", () => {
    expect(found(ways)).toEqual([]);
  });

  it("finds protected capabilities that no rule leads to, and believes that they live elsewhere where that is said", () => {
    expect(found(ways.slice(2))).toEqual([
      ["protected_without_route", "routes"],
      ["protected_without_route", "routes"],
    ]);
    expect(lintRoutes(ways.slice(2), standardPolicy)[0]?.message).toContain('no rule leads to "login"');
    expect(found([], elsewhere)).toEqual([]);
  });

  it("finds capabilities and features that the policy does not know", () => {
    const rules = [...ways, { path: "/x", capability: "creat" }, { path: "/y", capability: "view", feature: "ssso" }];
    expect(found(rules)).toEqual([
      ["capability_unknown", "routes[5].capability"],
      ["feature_unknown", "routes[6].feature"],
    ]);
  });

  it("finds rules that no request reaches, and names the rule before them", () => {
    const rules = [
      { path: "/api/**", capability: "api.read" },
      { method: "POST", path: "/api/notes", capability: "api.write" },
      { method: "GET", path: "/Notes/:id", capability: "view" },
      { method: "HEAD", path: "/notes/:other/", capability: "view" },
      { method: "POST", path: "/notes/:id", capability: "create" },
    ];
    expect(found(rules, elsewhere)).toEqual([
      ["rule_unreachable", "routes[1]"],
      ["rule_unreachable", "routes[3]"],
    ]);
    expect(lintRoutes(rules, standardPolicy)[0]?.message).toContain("/api/** at routes[0] takes them all");
  });

  it("finds a protected route that a rule would close", () => {
    const rules = [
      { method: "POST", path: "/api/pay", capability: "pay", feature: "sso" },
      { path: "/api/**", capability: "api.write" },
    ];
    const where: ProtectedRoutes = {
      ...elsewhere,
      pay: [{ method: "POST", path: "/api/pay" }],
      export: [{ path: "/api/export/:id" }],
      leave: [{ path: "/cancel" }],
    };
    expect(found(rules, where)).toEqual([
      ["protected_closed", "protected.pay[0]"],
      ["protected_closed", "protected.export[0]"],
    ]);
  });

  it("finds protected routes that are not all said", () => {
    const { leave: _, ...rest } = elsewhere;
    expect(found([], rest as ProtectedRoutes)).toEqual([["protected_malformed", "protected"]]);
  });

  it("finds what is malformed and goes on with the rest", () => {
    const rules = [...ways, "x", { path: "/a/*", capability: "view" }, { path: "/x", capability: "nope" }];
    expect(found(rules)).toEqual([
      ["route_malformed", "routes[5]"],
      ["route_malformed", "routes[6]"],
      ["capability_unknown", "routes[7].capability"],
    ]);
    expect(lintRoutes(rules, standardPolicy)[1]).toMatchObject({
      severity: "error",
      message: 'routes[6].path is "/a/*"',
      fix: 'only a last segment "**" is a wildcard; ":name" takes any one segment',
    });
  });

  it("warns of defaults that the policy does not have, unless the table takes every such request", () => {
    const policy: PolicyDocument = {
      ...standardPolicy,
      capabilities: standardPolicy.capabilities.filter((name) => name !== "create" && name !== "delete"),
    };
    const codes = (rules: readonly RouteRule[]): string[] =>
      lintRoutes(rules, policy, elsewhere).map(({ code, message }) => `${code} ${/"(\w+)"/.exec(message)?.[1]}`);
    expect(codes([])).toEqual(["default_unknown create", "default_unknown delete"]);
    expect(codes([{ method: "POST", path: "/**", capability: "update" }])).toEqual(["default_unknown delete"]);
    expect(codes([{ path: "/**", capability: "update" }])).toEqual([]);
  });

  it("never throws, whatever a file holds", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.array(fc.record({ path: fc.string(), capability: fc.jsonValue() }))),
        (value) => {
          expect(Array.isArray(lintRoutes(value, standardPolicy))).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
    expect(found(undefined)).toEqual([["route_malformed", "routes"]]);
  });
});
