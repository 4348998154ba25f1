import type { Principal } from "@dimmer/core";
import { describe, expect, it } from "vitest";
import { RequestGuard } from "../../src/guard/guard.ts";
import type { GuardOptions, Refusal, RequestReader } from "../../src/guard/options.ts";
import type { ProtectedRoutes } from "../../src/routes/protected-routes.ts";
import { LaterDimmer, locked, MemoryDimmer, unpaid } from "./memory-dimmer.ts";

/** A request without a server. */
interface TestRequest {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tenant?: string | null;
  readonly principal?: Principal;
}

const reader: RequestReader<TestRequest> = {
  method: ({ method }) => method ?? "GET",
  target: ({ target }) => target ?? "/notes",
  header: ({ headers }, name) => headers?.[name],
};

const elsewhere: ProtectedRoutes = {
  login: "elsewhere",
  pay: "elsewhere",
  export: "elsewhere",
  contact: "elsewhere",
  leave: "elsewhere",
};

const tenants = { acme: unpaid("limited"), paying: {}, shut: unpaid("read_only"), stopped: locked() };

function guardWith(options: Partial<GuardOptions<TestRequest>> = {}): RequestGuard<TestRequest> {
  return new RequestGuard<TestRequest>(
    {
      dimmer: new MemoryDimmer(tenants),
      tenant: ({ tenant }) => tenant,
      principal: ({ principal }) => principal,
      routes: [{ path: "/health", capability: "open" }],
      protected: elsewhere,
      ...options,
    },
    reader,
  );
}

async function statusOf(guard: RequestGuard<TestRequest>, request: TestRequest): Promise<number> {
  return (await guard.judge(request))?.status ?? 200;
}

describe("a guard", () => {
  it("passes what is allowed and answers what is denied, at once where all is in memory", () => {
    const guard = guardWith();
    expect(guard.judge({ tenant: "paying", method: "POST" })).toBeUndefined();
    const refusal = guard.judge({ tenant: "acme", method: "POST" }) as Refusal;
    expect(refusal.status).toBe(402);
    expect(refusal.headers).toMatchObject({
      "Content-Type": "application/problem+json",
      "Cache-Control": "no-store",
      "Dimmer-Reason": "restricted",
    });
    expect(JSON.parse(refusal.body)).toMatchObject({
      type: "urn:dimmer:problem:restricted",
      status: 402,
      capability: "create",
      cause: "nonpayment",
      case: "case_1",
    });
  });

  it("answers in the caller's language and tells Dimmer who asked", () => {
    const dimmer = new MemoryDimmer(tenants);
    const guard = guardWith({ dimmer });
    const ask = (language: string): { title: string } =>
      JSON.parse(
        (
          guard.judge({
            tenant: "acme",
            principal: "member",
            method: "POST",
            headers: { "accept-language": language },
          }) as Refusal
        ).body,
      ) as { title: string };
    expect(ask("ja").title).not.toBe(ask("en").title);
    expect(dimmer.denials[0]).toEqual({ acceptLanguage: "ja", principal: "member" });
  });

  it("asks a Dimmer that answers later, and rejects nothing", async () => {
    const guard = guardWith({ dimmer: new LaterDimmer(new MemoryDimmer(tenants)) });
    expect(await statusOf(guard, { tenant: "paying", method: "POST", principal: "admin" })).toBe(200);
    expect(await statusOf(guard, { tenant: "acme", method: "POST", principal: "admin" })).toBe(402);
    expect(await statusOf(guard, { tenant: "shut", principal: "member" })).toBe(403);
    expect(await statusOf(guard, { tenant: "shut", principal: "admin" })).toBe(200);
  });

  it("waits for callbacks that answer later", async () => {
    const guard = guardWith({
      tenant: async ({ tenant }) => tenant,
      principal: async ({ principal }) => principal,
    });
    expect(await statusOf(guard, { tenant: "acme", method: "POST", principal: "admin" })).toBe(402);
    expect(await statusOf(guard, { tenant: "shut", principal: "member" })).toBe(403);
    expect(await statusOf(guard, {})).toBe(200);
  });

  it("denies a member where only administrators may sign in", async () => {
    const guard = guardWith({ routes: [{ path: "/session", capability: "login" }] });
    expect(await statusOf(guard, { tenant: "shut", target: "/session", principal: "member" })).toBe(403);
    expect(await statusOf(guard, { tenant: "shut", target: "/session", principal: "admin" })).toBe(200);
  });

  it("denies a locked tenant everything but open routes, and tells neither cause nor case", async () => {
    const guard = guardWith();
    const refusal = (await guard.judge({ tenant: "stopped", principal: "admin" })) as Refusal;
    expect(refusal.status).toBe(403);
    expect(refusal.body).not.toMatch(/INC-1|security/);
    expect(await statusOf(guard, { tenant: "stopped", target: "/health" })).toBe(200);
  });

  it("denies a tenant id that is none, and never looks up a callback's other values as one", async () => {
    const guard = guardWith();
    expect(await statusOf(guard, { tenant: "" })).toBe(403);
    expect(await statusOf(guard, { tenant: "../acme" })).toBe(403);
    expect(await statusOf(guard, { tenant: "__proto__" })).toBe(200); // well-formed, and not in the feed
    expect(await statusOf(guard, { tenant: null })).toBe(200);
  });

  it("asks the whole question where a route has a feature", async () => {
    const dimmer = new MemoryDimmer({ small: { plan: "starter" }, large: { plan: "pro" } });
    const guard = guardWith({ dimmer, routes: [{ path: "/sso", capability: "update", feature: "sso" }] });
    const refusal = (await guard.judge({ tenant: "small", target: "/sso", principal: "admin" })) as Refusal;
    expect(JSON.parse(refusal.body)).toMatchObject({ status: 403, feature: "sso" });
    expect(await statusOf(guard, { tenant: "large", target: "/sso", principal: "admin" })).toBe(200);
  });

  it("refuses an ambiguous path whoever asks, before it asks who", () => {
    const guard = guardWith({
      tenant: () => {
        throw new Error("not to be asked");
      },
    });
    for (const method of ["GET", "OPTIONS"]) {
      const refusal = guard.judge({ method, target: "/notes/..%2fpay" }) as Refusal;
      expect(refusal.status).toBe(400);
      expect(refusal.headers).toMatchObject({
        "Content-Type": "application/problem+json",
        "Cache-Control": "no-store",
      });
      expect(JSON.parse(refusal.body)).toMatchObject({ status: 400, detail: expect.stringContaining("encoded slash") });
      expect(refusal.body).not.toContain("..");
    }
    expect(guard.counts()).toEqual({ ambiguous: 2, routes: [] });
  });

  it("refuses what is not written canonically only where it is told to", async () => {
    const paths = ["/x/../notes", "//notes", "/n%6ftes", "/./notes"];
    for (const target of paths) {
      expect(await statusOf(guardWith(), { tenant: "paying", target })).toBe(200);
      expect(await statusOf(guardWith({ strictPaths: true }), { tenant: "paying", target })).toBe(400);
    }
    for (const target of ["/", "/notes", "/notes/", "/notes?a=//b", "/caf%C3%A9"]) {
      expect(await statusOf(guardWith({ strictPaths: true }), { tenant: "paying", target })).toBe(200);
    }
  });

  it("passes and counts, by route and never by path, what is no tenant's", () => {
    const guard = guardWith();
    guard.judge({});
    guard.judge({ target: "/other" });
    guard.judge({ target: "/health" });
    guard.judge({ tenant: "paying", target: "/secret-path" });
    guard.judge({ tenant: "acme", method: "POST" });
    guard.judge({ method: "OPTIONS" });
    expect(guard.counts()).toEqual({
      ambiguous: 0,
      routes: [
        { route: "unmatched GET", allowed: 1, denied: 0, open: 0, withoutTenant: 2 },
        { route: "/health", allowed: 0, denied: 0, open: 1, withoutTenant: 0 },
        { route: "unmatched POST", allowed: 0, denied: 1, open: 0, withoutTenant: 0 },
        { route: "OPTIONS", allowed: 0, denied: 0, open: 1, withoutTenant: 0 },
      ],
    });
  });

  it("does not let a request pass whose tenant or principal cannot be read", async () => {
    const broken = new Error("the session store is away");
    const fail = (): never => {
      throw broken;
    };
    expect(() => guardWith({ tenant: fail }).judge({ tenant: "paying" })).toThrow(broken);
    expect(() => guardWith({ principal: fail }).judge({ tenant: "paying" })).toThrow(broken);
    await expect(guardWith({ tenant: () => Promise.reject(broken) }).judge({})).rejects.toBe(broken);
    await expect(guardWith({ principal: () => Promise.reject(broken) }).judge({ tenant: "paying" })).rejects.toBe(
      broken,
    );
  });

  it("does not ask who acts where the request is no tenant's", () => {
    const guard = guardWith({
      principal: () => {
        throw new Error("not to be asked");
      },
    });
    expect(guard.judge({})).toBeUndefined();
  });
});

describe("a guard's method", () => {
  const overriding = { methodOverrideHeaders: ["x-http-method-override", "x-method-override"] };
  const asked = (options: Partial<GuardOptions<TestRequest>>, request: TestRequest): string | undefined => {
    const dimmer = new MemoryDimmer(tenants);
    guardWith({ ...options, dimmer }).judge({ tenant: "paying", ...request });
    return dimmer.asked[0]?.ask.capability;
  };

  it("is the request's own where no header is honoured", () => {
    expect(asked({}, { method: "POST", headers: { "x-http-method-override": "DELETE" } })).toBe("create");
  });

  it.each([
    ["POST", "DELETE", "delete"],
    ["POST", "delete", "delete"],
    ["POST", " PATCH ", "update"],
    ["POST", "GET", "view"],
    ["POST", "", "create"],
    ["POST", "OPTIONS", "create"],
    ["POST", "options", "create"],
    ["GET", "DELETE", "view"],
    ["PUT", "GET", "update"],
  ])("of %s with an honoured override to %j asks for %s", (method, override, capability) => {
    expect(asked(overriding, { method, headers: { "x-http-method-override": override } })).toBe(capability);
    expect(asked(overriding, { method, headers: { "x-method-override": override } })).toBe(capability);
  });

  it("is refused where overrides name no single method", async () => {
    const guard = guardWith(overriding);
    const refused = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      statusOf(guard, { tenant: "paying", method: "POST", headers });
    expect(await refused({ "x-http-method-override": "DELETE, GET" })).toBe(400);
    expect(await refused({ "x-http-method-override": "DEL ETE" })).toBe(400);
    expect(await refused({ "x-http-method-override": "GET", "x-method-override": "DELETE" })).toBe(400);
    expect(await refused({ "x-http-method-override": "GET", "x-method-override": "get" })).toBe(200);
  });
});

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

  it.each<[string, Partial<Record<keyof GuardOptions<TestRequest>, unknown>>, string]>([
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
  ])("asks for %s", (_what, options, message) => {
    const make = (): unknown => guardWith(options as Partial<GuardOptions<TestRequest>>);
    expect(make).toThrow(TypeError);
    expect(make).toThrow(message);
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
