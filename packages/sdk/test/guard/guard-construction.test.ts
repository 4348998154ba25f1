import { type Principal, standardPolicy } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { RequestGuard } from "../../src/guard/guard.ts";
import type { GuardOptions } from "../../src/guard/options.ts";
import type { ProtectedRoutes } from "../../src/routes/protected-routes.ts";
import { LaterDimmer, MemoryDimmer } from "./memory-dimmer.ts";
import { elsewhere, guardWith, reader, statusOf, type TestRequest, tenants } from "./test-request.ts";

describe("the construction of a guard", () => {
  it("says once that it is told no principal", () => {
    const said: string[] = [];
    const dimmer = new MemoryDimmer(tenants);
    const guard = new RequestGuard<TestRequest>(
      {
        dimmer,
        tenant: ({ tenant }) => tenant,
        routes: [],
        protected: elsewhere,
        warn: (message) => said.push(message),
      },
      reader,
    );
    guard.judge({ tenant: "paying" });
    guard.judge({ tenant: "paying" });
    expect(said).toEqual([expect.stringContaining("no principal(request)")]);
    expect(dimmer.asked.map(({ ask }) => ask)).toEqual([{ capability: "view" }, { capability: "view" }]);
    guardWith({ warn: (message) => said.push(message) });
    expect(said).toHaveLength(1);
  });

  it("says once where a role of the product is none of Dimmer's classes", async () => {
    const said: string[] = [];
    const guard = guardWith({ warn: (message) => said.push(message) });
    const owner = { tenant: "shut", principal: "owner" as Principal };
    expect(await statusOf(guard, owner), "it has only what everybody has").toBe(403);
    await statusOf(guard, owner);
    await statusOf(guard, { tenant: "shut", principal: "admin" });
    await statusOf(guard, { tenant: "shut" });
    expect(said).toEqual([
      expect.stringMatching(/principal\(request\) is "owner".* onto admin, billing, member, service/),
    ]);
  });

  it.each([
    ["no option that it does not know", { failOpen: true }, "guard: failOpen is no option: known are dimmer, tenant"],
    ["strictPaths by its name", { strictPath: true }, 'guard: strictPath is no option: did you mean "strictPaths"?'],
    ["principal by its name", { principl: () => "admin" }, 'principl is no option: did you mean "principal"?'],
    ["routes by its name", { routes: undefined, rotes: [] }, 'guard: rotes is no option: did you mean "routes"?'],
    ["dimmer", { dimmer: undefined }, "guard: dimmer.check is missing: give what connect()"],
    ["a whole dimmer", { dimmer: { check() {}, ask() {} } }, "guard: dimmer.denial is missing"],
    ["tenant", { tenant: "x-tenant-id" }, 'guard: tenant is "x-tenant-id": give a function that reads'],
    ["a function for principal", { principal: "admin" }, 'guard: principal is "admin": give a function'],
    ["routes", { routes: undefined }, "routes is missing: give a list"],
    ["well-formed routes", { routes: [{ path: "x", capability: "view" }] }, 'routes[0].path is "x"'],
    ["protected", { protected: undefined }, "protected does not name login, pay, export, contact, leave: say for each"],
    ["all of protected", { protected: { ...elsewhere, pay: undefined } }, "protected does not name pay:"],
    ["no more than protected", { protected: { ...elsewhere, view: "elsewhere" } }, "protected.view is no field"],
    ["routes in protected", { protected: { ...elsewhere, pay: [] } }, "protected.pay is an empty list"],
    ["a word it knows", { protected: { ...elsewhere, pay: "nowhere" } }, 'protected.pay is "nowhere"'],
    [
      "paths in protected",
      { protected: { ...elsewhere, pay: ["/pay"] } },
      'protected.pay[0] is "/pay": give an object',
    ],
    [
      "good paths in protected",
      { protected: { ...elsewhere, pay: [{ path: "/*" }] } },
      'protected.pay[0].path is "/*"',
    ],
  ] satisfies [string, object, string][])("asks for %s", (_what, options, message) => {
    const make = (): unknown => guardWith(options as Partial<GuardOptions<TestRequest>>);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
  });

  const misspelt: GuardOptions<TestRequest>["routes"] = [
    { path: "/health", capability: "open" },
    { method: "POST", path: "/notes", capability: "creat" },
    { path: "/sso/**", capability: "login", feature: "ssso" },
  ];
  const misspeltSaid = [
    expect.stringMatching(
      /^dimmer: guard: routes\[1\]\.capability: .*no capability "creat": every request for POST \/notes is denied\. Did you mean "create"\? Name one of view, /,
    ),
    expect.stringMatching(
      /routes\[2\]\.feature: .*no feature "ssso": every request for \/sso\/\*\* is denied\. Did you mean "sso"\?/,
    ),
  ];

  it("says which rules name what the policy held does not have", () => {
    const said: string[] = [];
    guardWith({ routes: misspelt, warn: (message) => said.push(message) });
    expect(said).toEqual(misspeltSaid);
  });

  it("says so once at the first request for which a policy is held", () => {
    const said: string[] = [];
    const dimmer = new MemoryDimmer(tenants);
    const { policy } = dimmer;
    dimmer.policy = undefined;
    const guard = guardWith({ dimmer, routes: misspelt, warn: (message) => said.push(message) });
    guard.judge({ tenant: "paying" });
    expect(said).toEqual([]);
    dimmer.policy = policy;
    guard.judge({ tenant: "paying" });
    expect(said).toEqual(misspeltSaid);
    Object.defineProperty(dimmer, "policy", {
      get: () => {
        throw new Error("asked for the policy again");
      },
    });
    guard.judge({ tenant: "paying" });
    expect(said).toHaveLength(2);
  });

  it("says that requests which no rule matches ask for what the policy does not have", () => {
    const said: string[] = [];
    const dimmer = new MemoryDimmer(tenants);
    dimmer.policy = {
      ...standardPolicy,
      capabilities: standardPolicy.capabilities.filter((name) => name !== "update"),
    };
    guardWith({ dimmer, warn: (message) => said.push(message) });
    expect(said).toEqual([expect.stringContaining('no rule matches ask for "update"')]);
  });

  it("holds no table against a Dimmer that tells no policy", () => {
    const said: string[] = [];
    const dimmer = new LaterDimmer(new MemoryDimmer(tenants));
    guardWith({ dimmer, routes: misspelt, warn: (message) => said.push(message) });
    expect(said).toEqual([]);
  });

  const paying: ProtectedRoutes = { ...elsewhere, pay: [{ method: "POST", path: "/api/pay" }] };

  it("refuses a table that treats a protected route as something else", () => {
    const make = (routes: GuardOptions<TestRequest>["routes"]) => () => guardWith({ routes, protected: paying });
    const wide = { path: "/api/**", capability: "api.write" };
    const own = { method: "POST", path: "/api/pay", capability: "pay" };
    expect(make([wide])).toThrow(TypeError);
    expect(make([wide])).toThrow(
      'guard: protected.pay[0] is POST /api/pay, but /api/** (routes[0], "api.write") takes such requests: put a rule for ' +
        'POST /api/pay with the capability "pay" in front of it',
    );
    expect(make([wide, own])).toThrow("takes such requests");
    expect(make([own, wide])).not.toThrow();
    expect(make([{ ...own, capability: "open" }])).toThrow("takes such requests");
    expect(make([{ ...own, feature: "sso" }])).toThrow('"pay" with feature "sso"');
    expect(make([{ method: "POST", path: "/:any/pay", capability: "create" }])).toThrow("takes such requests");
    expect(make([{ method: "GET", path: "/api/**", capability: "api.read" }])).not.toThrow();
    expect(make([{ method: "POST", path: "/api/pay/now", capability: "create" }])).not.toThrow();
  });

  it("refuses a rule that takes only a part of a protected route's requests", () => {
    const everywhere: ProtectedRoutes = { ...elsewhere, export: [{ path: "/exports/**" }] };
    const make = (routes: GuardOptions<TestRequest>["routes"]) => () => guardWith({ routes, protected: everywhere });
    expect(make([{ path: "/exports/:id", capability: "view" }])).toThrow("takes such requests");
    expect(make([{ method: "DELETE", path: "/exports/:id", capability: "delete" }])).toThrow("takes such requests");
    expect(make([{ path: "/exports/:id", capability: "export" }])).not.toThrow();
  });

  it("leads protected routes that no rule names to their own capability", async () => {
    const guard = guardWith({ routes: [], protected: paying });
    expect(await statusOf(guard, { tenant: "acme", method: "POST", target: "/api/pay", principal: "member" })).toBe(
      200,
    );
    expect(await statusOf(guard, { tenant: "acme", method: "POST", target: "/api/other", principal: "member" })).toBe(
      402,
    );
  });
});
